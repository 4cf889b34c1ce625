"""Completions as OpenAI's chat protocol writes them."""

import json
import re
from collections.abc import Collection, Mapping
from typing import Final, Literal, assert_never

from shared.domain.json import Json, JsonObject
from shared.llm.openai_json import as_list, as_object, as_text
from shared.llm.types import Answer, AssistantTurn, Completion, SystemTurn, Tool, ToolTurn, Turn, UserTurn

Feature = Literal["json_schema", "max_tokens", "stream_options", "temperature"]
"""What a model may decline: the request is then written without it."""

# The families that take `max_completion_tokens` instead of `max_tokens`, and no temperature.
_REASONING: Final = re.compile(r"(?:.*/)?(?:gpt-5|o1|o3|o4)")
_CHOICES: Final[dict[str, Json]] = {"auto": "auto", "any": "required", "none": "none"}
_STRICT_KEYWORDS: Final = (
    {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "$ref", "$defs"}
    | {"title", "description", "pattern", "format", "multipleOf", "minItems", "maxItems"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
)
_KINDS: Final = {"type", "$ref", "anyOf", "enum", "const"}


def request_body(
    request: Completion, *, model: str, name: str, without: Collection[Feature] = (), stream: bool = False
) -> JsonObject:
    """The request as JSON. `name` marks whose reasoning may go back; another model's is left out."""
    body: JsonObject = {"model": model, "messages": _messages(request.turns, name)}
    reasoning = _REASONING.match(model) is not None
    cap = "max_completion_tokens" if reasoning or "max_tokens" in without else "max_tokens"
    body[cap] = request.max_output_tokens
    if request.temperature is not None and not reasoning and "temperature" not in without:
        body["temperature"] = request.temperature
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        body["tool_choice"] = _CHOICES.get(request.choice) or _named(request.choice)
    if request.answer is not None:
        _ask_for(request.answer, body, as_schema="json_schema" not in without)
    if stream:
        body["stream"] = True
        if "stream_options" not in without:
            body["stream_options"] = {"include_usage": True}
    return body


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
    # The mode is refused unless the messages say "json"; together with tools Groq refuses it always.
    if "tools" not in body:
        body["response_format"] = {"type": "json_object"}
    schema = json.dumps(answer.schema, ensure_ascii=False, separators=(",", ":"))
    instruction = f"Answer with one json object that fits this JSON Schema:\n{schema}"
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
