"""A conversation out of a file: a JSON list, JSON lines, or text lines `Name: text`."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

_LINE = re.compile(r"(?P<peer>[^:\s][^:]{0,99}):\s+(?P<content>\S.*)")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,512}")
_LONGEST = 25_000
_MOST_COMPLAINTS = 10


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the conversation."""

    peer: str
    content: str
    created_at: datetime | None = None


class ConversationInvalid(Exception):
    """The file cannot be used; the message names the bad lines."""


def read(path: Path) -> list[Said]:
    """The conversation in `path`, in order. Raises `ConversationInvalid`, naming every bad line or entry."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConversationInvalid(f"{path}: {error}") from error
    said: list[Said] = []
    complaints: list[str] = []
    for place, entry in _entries(path, text):
        try:
            said.append(_said(entry))
        except ValueError as error:
            complaints.append(f"{place}: {error}")
    if complaints:
        shown = complaints[:_MOST_COMPLAINTS]
        more = [f"… and {len(complaints) - len(shown)} more"] if len(complaints) > len(shown) else []
        raise ConversationInvalid("\n".join([f"{path}: nothing was stored, because of", *shown, *more]))
    if not said:
        raise ConversationInvalid(f"{path}: there is no message in it")
    return said


def _entries(path: Path, text: str) -> Iterator[tuple[str, object]]:
    """Each entry with its place, decoded as far as its format goes; a str is a line of text."""
    if path.suffix == ".json" or (path.suffix != ".jsonl" and text.lstrip().startswith("[{")):
        yield from _json_list(path, text)
        return
    is_jsonl = path.suffix == ".jsonl" or text.lstrip().startswith("{")
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield f"line {number}", _json_line(line) if is_jsonl else line


def _json_list(path: Path, text: str) -> Iterator[tuple[str, object]]:
    try:
        entries: object = json.loads(text)
    except ValueError as error:
        raise ConversationInvalid(f"{path}: not JSON: {error}") from error
    if not isinstance(entries, list):
        raise ConversationInvalid(f"{path}: a JSON file must hold a list of messages")
    for number, entry in enumerate(cast(list[object], entries), 1):
        yield f"entry {number}", {} if isinstance(entry, str) else entry


def _json_line(line: str) -> object:
    try:
        entry: object = json.loads(line)
    except ValueError:
        return None
    return {} if isinstance(entry, str) else entry


def _said(entry: object) -> Said:
    if isinstance(entry, str):
        return _from_text(entry)
    if not isinstance(entry, dict):
        raise ValueError('expected an object like {"peer": "alice", "content": "…"}')
    fields = cast(dict[str, object], entry)
    peer, content, created_at = fields.get("peer"), fields.get("content"), fields.get("created_at")
    if not isinstance(peer, str) or not isinstance(content, str):
        raise ValueError("'peer' and 'content' must be there and be strings")
    return Said(_peer(peer), _content(content), _time(created_at))


def _from_text(line: str) -> Said:
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise ValueError("expected 'Name: text'")
    return Said(_peer(found["peer"]), _content(found["content"]))


def _peer(name: str) -> str:
    """A peer's id: white space becomes '-', anything else must be allowed in an id."""
    peer = "-".join(name.split())
    if _NAME.fullmatch(peer) is None:
        raise ValueError(f"{name!r} cannot name a peer: use letters, digits, '_' and '-'")
    return peer


def _content(text: str) -> str:
    if not text.strip():
        raise ValueError("the message is empty")
    if len(text) > _LONGEST:
        raise ValueError(f"the message has more than {_LONGEST:,} characters")
    return text


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(cast(str, value))
    except (TypeError, ValueError):
        raise ValueError(f"'created_at' is not an ISO 8601 time: {value!r}") from None
