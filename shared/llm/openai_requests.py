"""Completions as OpenAI's chat protocol writes them."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from shared.domain.json import Json, JsonObject
from shared.llm import forms
from shared.llm.openai_reasoning import is_reasoning, reasoning_of
from shared.llm.types import Answer, AssistantTurn, Completion, SystemTurn, Tool, ToolTurn, Turn, UserTurn
from shared.llm.wire import as_list, as_object, as_text

Feature = Literal["json_schema", "max_tokens", "stream_options", "temperature", "cache_control"]
"""What a model may decline: the request is then written without it. So may each effort, as "effort_…"."""

_CHOICES: Final[dict[str, Json]] = {"auto": "auto", "any": "required", "none": "none"}
_STRICT_KEYWORDS: Final = (
    {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref", "$defs"}
    | {"title", "description", "pattern", "format", "multipleOf", "minItems", "maxItems"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
)
_KINDS: Final = {"type", "$ref", "anyOf", "enum", "const"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server differs from the vendor's own.

    `keeps_tools`: it obeys when told that none may be called. Others call them all the same, so that these are left
    out. `marks_cache`: it hands Anthropic's cache marks on to the models that want them.
    """

    keeps_tools: bool = False
    marks_cache: bool = False


def request_body(
    request: Completion,
    *,
    model: str,
    name: str,
    without: Collection[str] = (),
    dialect: Dialect = Dialect(),
    stream: bool = False,
) -> JsonObject:
    """The request as JSON. `name` marks whose reasoning may go back; another model's is left out."""
    body: JsonObject = {"model": model, "messages": _messages(request.turns, name)}
    if request.tools and (request.choice != "none" or dialect.keeps_tools):
        body["tools"] = [_tool(tool) for tool in request.tools]
        body["tool_choice"] = _CHOICES.get(request.choice) or _named(request.choice)
    _limit(request, body, model, without)
    if request.answer is not None:
        _ask_for(request.answer, body, as_schema="json_schema" not in without)
    if dialect.marks_cache and "claude" in model and "cache_control" not in without:
        _mark(body)
    if stream:
        body["stream"] = True
        if "stream_options" not in without:
            body["stream_options"] = {"include_usage": True}
    return body


def _limit(request: Completion, body: JsonObject, model: str, without: Collection[str]) -> None:
    reasoning = reasoning_of(model, request.thinking_budget_tokens, has_tools="tools" in body, without=without)
    is_capped_whole = is_reasoning(model) or "max_tokens" in without
    cap = "max_completion_tokens" if is_capped_whole else "max_tokens"
    body[cap] = request.max_output_tokens + reasoning.room
    if reasoning.effort is not None:
        body["reasoning_effort"] = reasoning.effort
    if request.temperature is not None and not is_reasoning(model) and "temperature" not in without:
        body["temperature"] = request.temperature


def _mark(body: JsonObject) -> None:
    """Mark what stays the same from call to call: the instructions, and the tools before them."""
    for message in as_list(body["messages"]):
        told = as_object(message)
        if told.get("role") == "system":
            told["content"] = [{"type": "text", "text": told["content"], "cache_control": {"type": "ephemeral"}}]


def _messages(turns: tuple[Turn, ...], name: str) -> list[Json]:
    return [_message(turn, name) for turn in turns]


def _message(turn: Turn, name: str) -> JsonObject:
    match turn:
        case SystemTurn():
            return {"role": "system", "content": turn.text}
        case UserTurn():
            return {"role": "user", "content": turn.text}
        case ToolTurn():
            return {"role": "tool", "tool_call_id": turn.call_id, "content": turn.text}
        case AssistantTurn():
            return _assistant(turn, name)
        case _:
            assert_never(turn)


def _assistant(turn: AssistantTurn, name: str) -> JsonObject:
    if not turn.tool_calls:
        return {"role": "assistant", "content": turn.text}
    replay: Mapping[str, object] = turn.replay or {}
    kept = as_object(replay.get("kept")) if replay.get("of") == name else {}
    extras = as_object(kept.get("extras"))
    calls: list[Json] = []
    for call in turn.tool_calls:
        arguments = json.dumps(call.arguments or {}, ensure_ascii=False, separators=(",", ":"))
        wire: JsonObject = {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": arguments},
        }
        calls.append({**wire, "extra_content": extras[call.id]} if call.id in extras else wire)
    return {"role": "assistant", "content": turn.text or None, "tool_calls": calls, **as_object(kept.get("message"))}


def _tool(tool: Tool) -> JsonObject:
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    }


def _named(tool: str) -> JsonObject:
    return {"type": "function", "function": {"name": tool}}


def _ask_for(answer: Answer, body: JsonObject, *, as_schema: bool) -> None:
    if as_schema:
        form: JsonObject = {"name": answer.name, "schema": answer.schema, "strict": _is_strict(answer.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
        return
    # Together with tools Groq refuses the mode always.
    has_tools = "tools" in body
    if not has_tools:
        body["response_format"] = {"type": "json_object"}
    instruction = forms.instruction(answer, has_tools=has_tools)
    messages = as_list(body["messages"])
    first = as_object(messages[0]) if messages else {}
    if first.get("role") == "system":
        first["content"] = f"{as_text(first['content'])}\n\n{instruction}"
    else:
        messages.insert(0, {"role": "system", "content": instruction})


def _is_strict(schema: Json) -> bool:
    """Whether OpenAI takes `schema` in strict mode: closed objects, everything required, nothing exotic."""
    if not isinstance(schema, dict) or not schema.keys() <= _STRICT_KEYWORDS or not schema.keys() & _KINDS:
        return False
    if "$ref" in schema:
        return len(schema) == 1
    properties = as_object(schema.get("properties"))
    if schema.get("type") == "object" or properties:
        required = as_list(schema.get("required"))
        if schema.get("additionalProperties") is not False or set(properties) != set(map(str, required)):
            return False
    parts = [*properties.values(), *as_object(schema.get("$defs")).values(), *as_list(schema.get("anyOf"))]
    if "items" in schema:
        parts.append(schema["items"])
    return all(_is_strict(part) for part in parts)
