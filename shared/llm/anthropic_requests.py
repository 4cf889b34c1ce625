"""Completions as Anthropic's Messages API writes them.

No temperature: since API version 2026-10-21 a request with one is refused. No prefilled answer: later models refuse it.
"""

from collections.abc import Collection, Mapping
from typing import Final, assert_never, cast

from shared.domain.json import Json, JsonObject
from shared.llm import forms
from shared.llm.anthropic_thinking import Thinking, can_be_forced, thinking_of
from shared.llm.types import Answer, AssistantTurn, Completion, SystemTurn, Tool, ToolCall, ToolTurn, Turn, UserTurn
from shared.llm.wire import as_list, as_object

# Four are allowed: tools, instructions, and two in the conversation, so that each turn finds what the last one wrote.
_MARK: Final[JsonObject] = {"type": "ephemeral"}
_MARKED_MESSAGES: Final = 2
_THOUGHTS: Final = ("thinking", "redacted_thinking")


def request_body(
    request: Completion, *, model: str, name: str, without: Collection[str] = (), stream: bool = False
) -> JsonObject:
    """The request as JSON. `name` marks whose thoughts may go back; another model's are left out."""
    thinking = thinking_of(
        model, request.thinking_budget_tokens, without=without, is_signed=_is_signed(request.turns, name)
    )
    body: JsonObject = {"model": model, "max_tokens": request.max_output_tokens + thinking.room}
    system: list[Json] = [_text(turn.text) for turn in request.turns if isinstance(turn, SystemTurn)]
    messages = _messages(request.turns, name)
    if system:
        body["system"] = _marked(system)
    body["messages"] = [*messages]
    if request.tools:
        body["tools"] = _marked([_tool(tool) for tool in request.tools])
        can_force = can_be_forced(model, thinking) and "forced_choice" not in without
        body["tool_choice"] = _choice(request.choice, can_force=can_force)
        _mark_newest(messages)
    if thinking.form == "enabled":
        body["thinking"] = {"type": "enabled", "budget_tokens": thinking.room}
    elif thinking.form != "unsaid":
        body["thinking"] = {"type": thinking.form}
    if config := _output_config(request, thinking, without, messages):
        body["output_config"] = config
    if stream:
        body["stream"] = True
    return body


def _messages(turns: tuple[Turn, ...], name: str) -> list[JsonObject]:
    messages: list[JsonObject] = []
    for turn in turns:
        role, blocks = _blocks(turn, name)
        if not blocks:
            continue
        # All results of one turn belong into one message, and what is said about them behind them.
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] = [*as_list(messages[-1]["content"]), *blocks]
        else:
            messages.append({"role": role, "content": blocks})
    return messages


def _blocks(turn: Turn, name: str) -> tuple[str, list[Json]]:
    match turn:
        case SystemTurn():
            return "system", []
        case UserTurn():
            return "user", [_text(turn.text)]
        case ToolTurn():
            return "user", [{"type": "tool_result", "tool_use_id": turn.call_id, "content": turn.text}]
        case AssistantTurn():
            return "assistant", _kept(turn, name) or _said(turn)
        case _:
            assert_never(turn)


def _kept(turn: AssistantTurn, name: str) -> list[Json]:
    """What the model itself sent, thoughts with their signatures first: it is refused when anything is changed."""
    replay: Mapping[str, object] = turn.replay or {}
    if replay.get("of") != name:
        return []
    return as_list(as_object(replay.get("kept")).get("content"))


def _said(turn: AssistantTurn) -> list[Json]:
    text: list[Json] = [_text(turn.text)] if turn.text.strip() else []
    return [*text, *(_call(call) for call in turn.tool_calls)]


def _is_signed(turns: tuple[Turn, ...], name: str) -> bool:
    """Whether the tool calls that the next turn continues began with thoughts of this model, or there are none."""
    begun = None
    for before, turn in zip((None, *turns), turns, strict=False):
        if isinstance(turn, UserTurn) and not isinstance(before, ToolTurn):
            begun = None
        elif isinstance(turn, AssistantTurn) and begun is None:
            begun = turn
    if begun is None or not begun.tool_calls:
        return True
    return as_object(next(iter(_kept(begun, name)), None)).get("type") in _THOUGHTS


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _call(call: ToolCall) -> JsonObject:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments or {}}


def _tool(tool: Tool) -> JsonObject:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}


def _choice(choice: str, *, can_force: bool) -> JsonObject:
    if choice in ("auto", "none"):
        return {"type": choice}
    if not can_force:
        return {"type": "auto"}
    return {"type": "any"} if choice == "any" else {"type": "tool", "name": choice}


def _marked(blocks: list[Json]) -> list[Json]:
    return [*blocks[:-1], {**as_object(blocks[-1]), "cache_control": _MARK}]


def _mark_newest(messages: list[JsonObject]) -> None:
    spoken = [message for message in messages if message["role"] == "user"]
    for message in spoken[-_MARKED_MESSAGES:]:
        message["content"] = _marked(as_list(message["content"]))


def _output_config(
    request: Completion, thinking: Thinking, without: Collection[str], messages: list[JsonObject]
) -> JsonObject:
    config: JsonObject = {}
    if thinking.effort is not None and "effort" not in without:
        config["effort"] = thinking.effort
    if request.answer is not None:
        schema = None if "json_schema" in without else _schema(request.answer)
        if schema is not None:
            config["format"] = {"type": "json_schema", "schema": schema}
        elif messages:
            told = forms.instruction(request.answer, has_tools=bool(request.tools) and request.choice != "none")
            messages[-1]["content"] = [*as_list(messages[-1]["content"]), _text(told)]
    return config


def _schema(answer: Answer) -> JsonObject | None:
    """The schema as the vendor can enforce it; None when it cannot."""
    # The SDK's own translation: it closes objects and moves what cannot be enforced into descriptions.
    from anthropic import transform_schema

    if _is_open(answer.schema):
        return None
    try:
        return cast(JsonObject, transform_schema(as_object(_spelt_out(answer.schema))))
    except (ValueError, TypeError, AssertionError, AttributeError):
        # Not everything that a caller may send is a schema to it.
        return None


def _is_open(schema: Json) -> bool:
    """Whether some object may have properties that are not named: closed, it could only be empty."""
    if isinstance(schema, list):
        return any(_is_open(part) for part in schema)
    if not isinstance(schema, dict):
        return False
    if schema.get("type") == "object" and (not schema.get("properties") or schema.get("additionalProperties")):
        return True
    return any(_is_open(part) for part in schema.values())


def _spelt_out(schema: Json) -> Json:
    """`schema` without lists of types, which the translation does not know."""
    if isinstance(schema, list):
        return [_spelt_out(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain: JsonObject = {key: _spelt_out(part) for key, part in schema.items()}
    kinds = plain.get("type")
    if not isinstance(kinds, list):
        return plain
    told = {key: plain.pop(key) for key in ("title", "description") if key in plain}
    return {**told, "anyOf": [{**plain, "type": kind} if kind != "null" else {"type": "null"} for kind in kinds]}
