"""Reading our own prompts the way a model does: whom they are about, what was said, what is asked."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.llm.types import SystemTurn, Turn, UserTurn

_TIME = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d"
_NUMBERED = re.compile(rf"\[#(?P<number>\d+) (?P<at>{_TIME})\] (?P<peer>[^\s:]+): ?(?P<text>.*)")
_PLAIN = re.compile(rf"(?:\[(?P<at>{_TIME})[^\]]*\] )?(?P<peer>[\w.@-]{{1,512}}): (?P<text>.*)")
_TARGET = re.compile(r"^Target peer: (.+)$", re.MULTILINE)
_QUERY = re.compile(r"^Query: ?", re.MULTILINE)
# At the margin, where no user's text stands.
_ABOUT = re.compile(r"^The (?:question is|peer \S+ asks) about the peer (\S+)\.", re.MULTILINE)
_LIMIT = re.compile(
    r"\b(?:at most|no more than|up to|within|under|below|maximum(?: of)?|limit of)\s+([\d,]+)\s+words", re.I
)


@dataclass(frozen=True, slots=True)
class Said:
    """One message as a prompt shows it. `number` is 0 and `at` None where the prompt gives none."""

    number: int
    at: datetime | None
    peer: str
    text: str


def last_user_text(turns: Sequence[Turn]) -> str:
    return next((turn.text for turn in reversed(turns) if isinstance(turn, UserTurn)), "")


def target_peer(prompt: str) -> str | None:
    """The peer whose facts are wanted."""
    # Whatever messages say comes after it.
    targets: list[str] = _TARGET.findall(prompt.rpartition("\n<messages>\n")[0])
    return targets[-1].strip() if targets else None


def numbered_messages(prompt: str) -> list[Said]:
    """The messages of the last `<messages>` block."""
    found: list[Said] = []
    for line in block(prompt, "messages"):
        head = _NUMBERED.fullmatch(line)
        if head is not None:
            at = datetime.fromisoformat(head["at"])
            found.append(Said(int(head["number"]), at, head["peer"], head["text"]))
        elif found:
            found[-1] = _continued(found[-1], line)
    return found


def spoken_lines(lines: Sequence[str]) -> list[Said]:
    """Lines of the form `peer: text`, with or without a number or a time before them."""
    found: list[Said] = []
    for line in lines:
        head = _NUMBERED.fullmatch(line) or _PLAIN.fullmatch(line)
        if head is not None:
            at: str | None = head["at"]
            number = int(head["number"]) if "number" in head.groupdict() else 0
            found.append(Said(number, datetime.fromisoformat(at) if at else None, head["peer"], head["text"]))
        elif found and line.startswith("  "):
            found[-1] = _continued(found[-1], line)
    return found


def block(prompt: str, tag: str) -> list[str]:
    """The lines of the last block `<tag …>` … `</tag>` whose marks stand at the margin; none when there is none."""
    lines = prompt.split("\n")
    opens = [index for index, line in enumerate(lines) if line == f"<{tag}>" or line.startswith(f"<{tag} ")]
    if not opens:
        return []
    start = opens[-1] + 1
    closes = [index for index in range(start, len(lines)) if lines[index] == f"</{tag}>"]
    return lines[start : closes[-1]] if closes else lines[start:]


def query_of(turns: Sequence[Turn]) -> str | None:
    """The question a dialectic prompt puts; None when none is put."""
    for turn in turns:
        if isinstance(turn, UserTurn) and (found := _QUERY.search(turn.text)):
            asked = turn.text[found.end() :]
            end = re.search(r"^<\w+[^>\n]*>$", asked, re.MULTILINE)
            return asked[: end.start() if end else None].strip()
    return None


def peer_asked_about(turns: Sequence[Turn]) -> str | None:
    """The peer whom a dialectic prompt names as its subject."""
    for turn in turns:
        if isinstance(turn, SystemTurn) and (found := _ABOUT.search(turn.text)):
            return found.group(1)
    return None


def word_limit(text: str) -> int | None:
    """The number of words the prompt allows; the last one it names."""
    limits: list[str] = _LIMIT.findall(text)
    return int(limits[-1].replace(",", "")) if limits else None


def pieces(text: str, words: int = 3) -> Iterator[str]:
    """`text` in pieces of a few words, which joined are `text` again."""
    parts: list[str] = re.findall(r"\s*\S+\s*?(?=\s|$)|\s+$", text)
    for start in range(0, len(parts), words):
        yield "".join(parts[start : start + words])


def _continued(said: Said, line: str) -> Said:
    more = line[2:] if line.startswith("  ") else line
    return Said(said.number, said.at, said.peer, f"{said.text}\n{more}")
