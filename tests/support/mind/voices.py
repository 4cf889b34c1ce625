"""The models of the machine: whoever calls one is overheard, and a tape decides what the free one says."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from shared.backends import Models
from shared.domain.dream import Specialist
from shared.domain.json import Json, JsonObject
from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm.provider import ChatModel, Embedder
from shared.llm.types import Completion, Delta, Reply, TextDelta, ToolTurn, Usage, UserTurn
from shared.settings.models import ReasoningLevel
from tests.support.backends import TinyEmbedder
from tests.support.scripted_model import calls

LINE = re.compile(r"^\[#(\d+) [^\]]+\] ([\w.-]+): (.*)$", re.MULTILINE)
OWN = re.compile(r"I met (zq\w+)")
OLD = re.compile(r"and saw (zq\w+)")
MET = re.compile(r"\bmet (zq\w+)")
WORD = re.compile(r"zq\w+")
SHOWN = re.compile(r"^\[[^\]]+\] (.*) \(id: ([\w-]+)\)$", re.MULTILINE)


@dataclass
class Tape:
    """Decisions made in advance. A tape that has run out says 0, which stands for doing well."""

    left: list[int] = field(default_factory=list[int])

    def pick(self, of: int) -> int:
        return self.left.pop(0) % of if self.left else 0


class AlikeEmbedder(TinyEmbedder):
    """What is surely so is as near to what is so as can be."""

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return super().embed([text.replace(" surely", "") for text in texts])


class Overheard:
    """A chat model whose every call goes through `listen`, which may answer in its place."""

    def __init__(self, inner: ChatModel, listen: Callable[[Completion, Callable[[], Reply]], Reply]) -> None:
        self._inner, self._listen = inner, listen

    @property
    def name(self) -> str:
        return self._inner.name

    def complete(self, request: Completion) -> Reply:
        return self._listen(request, lambda: self._inner.complete(request))

    def stream(self, request: Completion) -> Iterator[Delta]:
        reply = self.complete(request)
        yield TextDelta(reply.text)
        yield reply


@dataclass(frozen=True)
class OverheardModels:
    """The models of `inner`, overheard."""

    inner: Models
    listen: Callable[[Completion, Callable[[], Reply]], Reply]

    def deriver(self) -> ChatModel:
        return Overheard(self.inner.deriver(), self.listen)

    def summary(self) -> ChatModel:
        return Overheard(self.inner.summary(), self.listen)

    def dialectic(self, level: ReasoningLevel) -> ChatModel:
        return Overheard(self.inner.dialectic(level), self.listen)

    def dream(self, specialist: Specialist) -> ChatModel:
        return Overheard(self.inner.dream(specialist), self.listen)

    def embedder(self) -> Embedder:
        return self.inner.embedder()

    def embedder_in(self, space: EmbeddingSpace) -> Embedder:
        return self.inner.embedder_in(space)


class FreeModel:
    """Says what the tape of the moment decides. `strangers` are ids of conclusions that it must not build on."""

    name = "free/1"

    def __init__(self, tape: Callable[[], Tape], strangers: Callable[[], Sequence[str]]) -> None:
        self._tape, self._strangers = tape, strangers

    def complete(self, request: Completion) -> Reply:
        text = "\n".join(turn.text for turn in request.turns if isinstance(turn, UserTurn | ToolTurn))
        if request.purpose == "derive":
            return Reply(facts_of(text, self._tape()), usage=Usage(10, 2), model="free")
        if request.purpose.startswith("summary"):
            return Reply(summary_of(text), usage=Usage(10, 2), model="free")
        turn = sum(isinstance(turn, ToolTurn) for turn in request.turns)
        return Dreamer(request.purpose, text, self._tape(), self._strangers).turn(turn)

    def stream(self, request: Completion) -> Iterator[Delta]:
        yield self.complete(request)


def facts_of(prompt: str, tape: Tape) -> str:
    """Of each message of the target whom it met, that it speaks, and what it saw; beside that, mischief."""
    target = re.search(r"Target peer: (\S+)", prompt)
    assert target is not None
    peer = target[1]
    lines = [(int(number), author, text) for number, author, text in LINE.findall(prompt)]
    others = [(number, text) for number, author, text in lines if author != peer]
    found: list[Json] = []
    for number, author, text in lines:
        if author == peer:
            found += _facts(peer, number, text, others, tape)
    return json.dumps({"explicit": found})


def _facts(peer: str, number: int, text: str, others: Sequence[tuple[int, str]], tape: Tape) -> Iterator[Json]:
    [word] = OWN.findall(text)
    mischief = tape.pick(10)
    met = f"{peer} surely met {word}" if mischief == 1 else f"{peer} met {word}"
    yield _fact(met, number, f"met {word}")
    yield _fact(f"{peer} surely speaks" if mischief == 2 else f"{peer} speaks", number)
    for old in OLD.findall(text):
        yield _fact(f"{peer} saw {old}", number, f"saw {old}")
    if mischief == 3:
        yield _fact(met, number, f"met {word}")
        yield _fact(f"{peer} speaks", number)
    if mischief == 4:
        wrong: list[Json] = [0, 999, None, "seven", *(one for one, _ in others)]
        yield _fact(f"{peer} hints", wrong[tape.pick(len(wrong))])
    if mischief == 5 and others:
        where, said = others[tape.pick(len(others))]
        yield _fact(f"{peer} hints", where, said)
    if mischief == 6 and others:
        # Read in the light of what somebody else has said.
        yield _fact(f"{peer} met {word} after {OWN.findall(others[-1][1])[0]}", number)
    if mischief == 7:
        yield _fact(" \x00 ", number)
    if mischief == 8:
        yield _fact(f"{peer} met {word} somewhere", number, "words that nobody has said")


def _fact(content: str, message: Json, quote: str | None = None) -> Json:
    return {"content": content, "message": message, "quote": quote, "date": None}


def summary_of(prompt: str) -> str:
    """Whom they met, message by message, after what was known before."""
    earlier = prompt.partition("<earlier_summary>")[2].partition("</earlier_summary>")[0]
    fresh = [word for _, _, text in LINE.findall(prompt) for word in OWN.findall(text)]
    return " ".join([*WORD.findall(earlier), *fresh])


@dataclass
class Dreamer:
    """One turn of a specialist, who is shown conclusions in `text`."""

    purpose: str
    text: str
    tape: Tape
    strangers: Callable[[], Sequence[str]]

    def turn(self, number: int) -> Reply:
        # In an order of their own: ids differ from run to run.
        shown = sorted({(content, one) for content, one in SHOWN.findall(self.text)})
        wanted = [self._call(shown) for _ in range(1 + self.tape.pick(3))] if shown and number == 0 else []
        if number == 0 or self.tape.pick(3) == 2:
            wanted.append(("read_recent", {"limit": 50}))
        return calls(*wanted) if wanted else Reply("done", usage=Usage(10, 2), model="free")

    def _call(self, shown: Sequence[tuple[str, str]]) -> tuple[str, JsonObject]:
        if self.purpose == "dream_card":
            return "rewrite_card", {"lines": [self._line(shown) for _ in range(1 + self.tape.pick(3))]}
        if self.purpose == "dream_induction":
            return "conclude_patterns", {"patterns": [self._pattern(shown)]}
        first = shown[self.tape.pick(len(shown))]
        other = shown[self.tape.pick(len(shown))]
        match self.tape.pick(5):
            case 1:
                update: JsonObject = {
                    "stale_ids": [other[1]],
                    "newer_id": self._id(first),
                    "content": f"now {first[0]}",
                }
                return "record_updates", {"updates": [update]}
            case 2:
                return "delete_conclusions", {"ids": [self._id(first)], "reason": "wrong"}
            case 3:
                both: JsonObject = {"content": f"either {first[0]}", "source_ids": [self._id(first), other[1]]}
                return "note_contradictions", {"contradictions": [both]}
            case 4:
                # The same each time, whatever it rests on.
                again: JsonObject = {"content": "so it goes", "source_ids": [self._id(first), other[1]]}
                return "conclude_deductions", {"deductions": [again]}
            case _:
                sources: list[Json] = [self._id(first), *([other[1]] if self.tape.pick(2) else [])]
                return "conclude_deductions", {"deductions": [{"content": f"so {first[0]}", "source_ids": sources}]}

    def _line(self, shown: Sequence[tuple[str, str]]) -> Json:
        first = shown[self.tape.pick(len(shown))]
        kind = ["ATTRIBUTE: ", "IDENTITY: ", ""][self.tape.pick(3)]
        sources: list[Json] = [] if self.tape.pick(4) == 3 else [self._id(first)]
        return {"text": f"{kind}{first[0]}"[:200], "source_ids": sources}

    def _pattern(self, shown: Sequence[tuple[str, str]]) -> Json:
        first, other = shown[self.tape.pick(len(shown))], shown[-1]
        sources: list[Json] = [first[1], self._id(other)]
        content = "often enough" if self.tape.pick(2) else f"often {first[0]}"
        return {"content": content, "source_ids": sources, "pattern": "tendency", "confidence": "high"}

    def _id(self, shown: tuple[str, str]) -> str:
        """Its id, or one that was made up, or one of somebody else's."""
        strange = ["nobody-said-this", *self.strangers()]
        choice = self.tape.pick(6)
        return shown[1] if choice < 4 else strange[self.tape.pick(len(strange))]
