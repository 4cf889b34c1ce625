"""A specialist's run between two turns, as text that another process can go on from."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Final, Literal, cast

from pydantic import TypeAdapter, ValidationError

from shared.domain.json import JsonObject
from shared.llm.types import AssistantTurn, SystemTurn, Tool, ToolCall, ToolTurn, Turn, Usage, UserTurn
from shared.reasoning.loop import Progress
from shared.reasoning.tools.workbench import Notes
from shared.store.dream_checkpoints import Kept
from shared.telemetry.logs import logger

# Raised when what is written here changes its meaning: what was written before is then begun anew.
_FORMAT: Final = 1
# Beyond that the oldest turns go: what providers want back unchanged is not counted in the limit of the history.
_MOST_CHARACTERS: Final = 2_000_000
_BYTES: Final = "$bytes"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the conversation stands, and what it has proposed. `is_done`: it has ended, and waits for its commit."""

    notes: Notes
    progress: Progress
    is_done: bool = False
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class _Call:
    id: str
    name: str
    arguments: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class _Turn:
    kind: Literal["user", "assistant", "tool"]
    text: str
    tool_calls: tuple[_Call, ...] = ()
    replay: dict[str, object] | None = None
    call_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Written:
    """A checkpoint as it is stored."""

    notes: Notes
    question: str
    units: tuple[tuple[_Turn, ...], ...]
    usage: Usage
    turns: int
    seconds: float
    is_done: bool
    is_cut: bool


_WRITTEN: Final = TypeAdapter(_Written)


class Unwritable(Exception):
    """A turn holds what cannot be written down."""


def fingerprint(model: str, system: str, tools: Sequence[Tool]) -> str:
    """Changes with whatever a conversation cannot be continued across: program, instructions, tools and model."""
    told = [(tool.name, tool.description, tool.parameters) for tool in tools]
    return sha256(json.dumps([_FORMAT, model, system, told], sort_keys=True).encode()).hexdigest()


def written(checkpoint: Checkpoint, made_by: str) -> Kept | None:
    """The checkpoint as it is stored; None, which is logged, for one that is too large or cannot be written."""
    progress = checkpoint.progress
    if checkpoint.is_done:
        # Nobody will be asked any more.
        progress = replace(progress, question="", units=())
    try:
        while len(text := _text(checkpoint, progress)) > _MOST_CHARACTERS:
            if len(progress.units) <= 1:
                raise Unwritable("too large")
            progress = replace(progress, units=progress.units[1:])
    except Unwritable as problem:
        logger.warning("dream_checkpoint_unwritable", reason=str(problem))
        return None
    return Kept(made_by, text)


def read(kept: Kept) -> Checkpoint | None:
    """What was written; None for what this program cannot read."""
    try:
        found = _WRITTEN.validate_json(kept.run)
        units = tuple(tuple(_turn(told) for told in unit) for unit in found.units)
    except (ValidationError, ValueError):
        return None
    progress = Progress(found.question, units, found.usage, found.turns, found.seconds)
    return Checkpoint(found.notes, progress, found.is_done, found.is_cut)


def _text(checkpoint: Checkpoint, progress: Progress) -> str:
    units = tuple(tuple(_told(turn) for turn in unit) for unit in progress.units)
    whole = _Written(
        checkpoint.notes,
        progress.question,
        units,
        progress.usage,
        progress.turns,
        progress.seconds,
        checkpoint.is_done,
        checkpoint.is_cut,
    )
    # Half a surrogate pair, which models have been seen to write, is no text.
    return json.dumps(asdict(whole), ensure_ascii=False).encode("utf-8", "replace").decode()


def _told(turn: Turn) -> _Turn:
    match turn:
        case UserTurn(text):
            return _Turn("user", text)
        case AssistantTurn(text, tool_calls, replay):
            calls = tuple(_Call(one.id, one.name, _object(one.arguments)) for one in tool_calls)
            return _Turn("assistant", text, calls, _object(replay))
        case ToolTurn(call_id, name, text):
            return _Turn("tool", text, call_id=call_id, name=name)
        case SystemTurn():
            # The instructions are the program's own, and stand before all turns.
            raise Unwritable("instructions among the turns")


def _turn(told: _Turn) -> Turn:
    match told.kind:
        case "user":
            return UserTurn(told.text)
        case "assistant":
            calls = (ToolCall(one.id, one.name, cast(JsonObject | None, one.arguments)) for one in told.tool_calls)
            return AssistantTurn(told.text, tuple(calls), cast(dict[str, object] | None, _whole(told.replay)))
        case "tool":
            return ToolTurn(told.call_id, told.name, told.text)


def _object(value: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if value is None else {key: _plain(item) for key, item in value.items()}


def _plain(value: object) -> object:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return {_BYTES: base64.b64encode(value).decode()}
        case Mapping():
            return {str(key): _plain(item) for key, item in cast(Mapping[object, object], value).items()}
        case list() | tuple():
            return [_plain(item) for item in cast(Sequence[object], value)]
        case _:
            raise Unwritable(f"a value of type {type(value).__name__}")


def _whole(value: object) -> object:
    match value:
        case dict():
            known = cast(dict[str, object], value)
            if known.keys() == {_BYTES}:
                return base64.b64decode(str(known[_BYTES]))
            return {key: _whole(item) for key, item in known.items()}
        case list():
            return [_whole(item) for item in cast(list[object], value)]
        case _:
            return value
