"""What a prompt and the tools have told the offline model so far."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from shared.domain.conclusion import normal_form
from shared.llm.offline_extract import Extractor
from shared.llm.offline_prompts import block
from shared.llm.offline_rewrite import Speaker
from shared.llm.offline_talk import is_question
from shared.llm.types import SystemTurn, ToolTurn, Turn, UserTurn

# Not indented: that is how the further lines of a message are told from lines of their own.
_LINE = re.compile(r"(?:[>*•-] )?(?:\d+[.)]\s+)?\[(?P<day>\d{4}-\d\d-\d\d)[^\]]*\]\s*(?P<rest>.+)", re.DOTALL)
_SAME_DAY = re.compile(r"((?:> )?\[)(\d\d:\d\d\])")
_SAID = re.compile(r"(?P<peer>[\w.@-]+): (?P<text>.+)", re.DOTALL)
# What stands at the end of a conclusion's line: its id, whom it is about, or both.
_ID = re.compile(r"\s*[(\[]ids?: ?[^)\]]*[)\]]|\s*\((?:[\w.-]+ )?about [\w.-]+\)$")
_MARK = re.compile(r"\(id: ([\w-]+)")
# Tools that tell in plain lines, as cards do.
_PLAIN_TOOLS = frozenset(("get_peer_card", "get_session_summary"))
_CARD = re.compile(r"^<peer_card[^>\n]*>$", re.MULTILINE)
_CARD_LINE = "[card] "
_MAX_QUOTE = 240


@dataclass(frozen=True, slots=True)
class Known:
    """One thing known: a fact, or with `quoted` something a peer said that no fact could be read from.

    `rank` is its place in the list it came in, where the nearest in meaning comes first.
    """

    text: str
    day: str | None
    rank: int
    quoted: bool = False
    peer: str | None = None
    mark: str | None = None
    """Its id, as far as it was shown."""

    @property
    def sentence(self) -> str:
        text = self.text.rstrip(". ")
        if self.quoted:
            return f'{self.peer} said: "{text}" ({self.day}).'
        return f"{text} (noted {self.day})." if self.day else f"{text}."


def known_from(turns: Sequence[Turn]) -> list[Known]:
    """Everything the turns tell, each once: conclusions, then what only cards say, then messages."""
    found = [
        known for lines in _lists(turns) for rank, entry in enumerate(_entries(lines)) for known in _read(entry, rank)
    ]
    # Sorting is stable: within its kind everything stays in the order it was told.
    return _once(sorted(found, key=lambda known: 2 if known.peer else 1 if known.day is None else 0))


def _lists(turns: Sequence[Turn]) -> Iterator[list[str]]:
    for turn in turns:
        match turn:
            case UserTurn():
                yield block(turn.text, "conclusions")
            case ToolTurn(_, name, text) if name in _PLAIN_TOOLS:
                told = block(text, "findings")
                yield [f"{_CARD_LINE}{line}" for line in told[name == "get_session_summary" :] if line.strip()]
            case ToolTurn():
                yield turn.text.split("\n")
            case SystemTurn():
                yield from _cards(turn.text)
                yield block(turn.text, "session_history")
            case _:
                pass


def _cards(text: str) -> Iterator[list[str]]:
    for opening in _CARD.finditer(text):
        inside = text[opening.end() :].partition("\n</peer_card>")[0]
        lines = [line.strip(" -*•") for line in inside.split("\n")]
        # The card of who asks says nothing about whom is asked for.
        if 'role="asker"' not in opening.group():
            yield [f"{_CARD_LINE}{line}" for line in lines if line]


def _entries(lines: Sequence[str]) -> Iterator[str]:
    """Dated lines, each with the lines that go on from it."""
    entry = ""
    for line in _with_days(lines):
        if line.startswith(_CARD_LINE) or _LINE.match(line):
            if entry:
                yield entry
            entry = line
        elif entry and line.startswith("  ") and line.strip():
            entry += "\n" + line.strip()
        else:
            if entry:
                yield entry
            entry = ""
    if entry:
        yield entry


def _with_days(lines: Sequence[str]) -> Iterator[str]:
    """`lines` with the day written out where it is that of the line above."""
    day = ""
    for line in lines:
        dated = _LINE.match(line)
        if dated is not None:
            day = dated["day"]
        yield _SAME_DAY.sub(rf"\g<1>{day} \g<2>", line, count=1) if day and _SAME_DAY.match(line) else line


def _read(entry: str, rank: int) -> Iterator[Known]:
    if entry.startswith(_CARD_LINE):
        yield Known(entry.removeprefix(_CARD_LINE), None, rank)
        return
    line = _LINE.match(entry)
    if line is None:
        return
    said = _SAID.match(line["rest"])
    if said is None:
        mark = _MARK.search(line["rest"])
        yield Known(_ID.sub("", line["rest"]).strip(), line["day"], rank, mark=mark[1] if mark else None)
        return
    yield from _from_message(said["peer"], said["text"], line["day"], rank)


def _from_message(peer: str, text: str, day: str, rank: int) -> Iterator[Known]:
    # Read as the extraction would, so that messages not yet derived answer in the same form.
    facts = Extractor(Speaker(peer)).facts_in(text, _date(day))
    for fact in facts:
        yield Known(fact, day, rank, peer=peer)
    if not facts and not is_question(text):
        quote = " ".join(text.split())
        cut = quote if len(quote) <= _MAX_QUOTE else quote[:_MAX_QUOTE].rpartition(" ")[0] + "…"
        yield Known(cut, day, rank, quoted=True, peer=peer)


def _date(day: str) -> date | None:
    try:
        return date.fromisoformat(day)
    except ValueError:
        return None


def _once(known: Sequence[Known]) -> list[Known]:
    kept: dict[str, Known] = {}
    for item in known:
        kept.setdefault(normal_form(item.text), item)
    return list(kept.values())
