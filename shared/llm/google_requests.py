"""Completions as Google's Gemini API takes them: contents, and the configuration beside them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from shared.domain.json import Json, JsonObject
from shared.llm import forms
from shared.llm.google_thinking import thinking_of
from shared.llm.types import AssistantTurn, Completion, SystemTurn, Tool, ToolCall, ToolTurn, Turn, UserTurn
from shared.llm.wire import as_list, as_object

_MODES: Final[dict[str, Json]] = {"auto": "AUTO", "any": "ANY", "none": "NONE"}
_KEPT_KEYWORDS: Final = (
    {"type", "format", "description", "nullable", "enum", "properties", "required", "items"}
    | {"minItems", "maxItems", "minimum", "maximum", "title"}
)  # fmt: skip
# Gemini 3 refuses a call of the turn under way without its signature. Of a call that another model made there is
# none; the vendor names this in its place. Source: ai.google.dev, "Thought signatures". In base64, as bytes go.
_UNSIGNED: Final = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what is said, and how it is to be answered."""

    contents: list[JsonObject]
    config: JsonObject


def request_of(request: Completion, *, model: str, name: str, without: Collection[str] = ()) -> Asked:
    """The request. `name` marks whose thoughts may go back; another model's are left out."""
    thinking = thinking_of(model, request.thinking_budget_tokens, without=without)
    config: JsonObject = {"max_output_tokens": request.max_output_tokens + thinking.room}
    system = "\n\n".join(turn.text for turn in request.turns if isinstance(turn, SystemTurn))
    if system:
        config["system_instruction"] = system
    if request.temperature is not None and "temperature" not in without:
        config["temperature"] = request.temperature
    if thinking.config is not None:
        config["thinking_config"] = thinking.config
    contents = _contents(request.turns, name)
    # Where none may be called they are left out: a schema is not enforced beside them.
    if request.tools and not (request.choice == "none" and request.answer is not None):
        config["tools"] = [{"function_declarations": [_declaration(tool) for tool in request.tools]}]
        config["tool_config"] = {"function_calling_config": _choice(request.choice)}
    _ask_for(request, config, contents, without)
    return Asked(contents, config)


def _ask_for(request: Completion, config: JsonObject, contents: list[JsonObject], without: Collection[str]) -> None:
    if request.answer is None:
        return
    if "tools" not in config and "json_schema" not in without:
        config["response_mime_type"] = "application/json"
        config["response_json_schema"] = request.answer.schema
        return
    told = forms.instruction(request.answer, has_tools="tools" in config)
    if contents:
        contents[-1]["parts"] = [*as_list(contents[-1]["parts"]), {"text": told}]


def _contents(turns: tuple[Turn, ...], name: str) -> list[JsonObject]:
    contents: list[JsonObject] = []
    wire_ids: dict[str, Json] = {}
    for turn in turns:
        role, parts = _parts(turn, name, wire_ids)
        if not parts:
            continue
        # All results of one turn belong into one content, and what is said about them behind them.
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] = [*as_list(contents[-1]["parts"]), *parts]
        else:
            contents.append({"role": role, "parts": parts})
    return contents


def _parts(turn: Turn, name: str, wire_ids: dict[str, Json]) -> tuple[str, list[Json]]:
    match turn:
        case SystemTurn():
            return "system", []
        case UserTurn():
            return "user", [{"text": turn.text}]
        case ToolTurn():
            response: JsonObject = {"name": turn.name, "response": {"output": turn.text}}
            # Gemini 3.5 and later want the id of the call back; the ones before send none.
            wire_id = wire_ids.get(turn.call_id, turn.call_id)
            return "user", [{"function_response": {"id": wire_id, **response} if wire_id else response}]
        case AssistantTurn():
            return "model", _kept(turn, name, wire_ids) or _said(turn)
        case _:
            assert_never(turn)


def _kept(turn: AssistantTurn, name: str, wire_ids: dict[str, Json]) -> list[Json]:
    """What the model itself sent, with its signatures."""
    replay: Mapping[str, object] = turn.replay or {}
    if replay.get("of") != name:
        return []
    kept = as_object(replay.get("kept"))
    wire_ids.update(as_object(kept.get("ids")))
    return as_list(kept.get("parts"))


def _said(turn: AssistantTurn) -> list[Json]:
    text: list[Json] = [{"text": turn.text}] if turn.text.strip() else []
    return [*text, *(_call(call, is_first=place == 0) for place, call in enumerate(turn.tool_calls))]


def _call(call: ToolCall, *, is_first: bool) -> JsonObject:
    part: JsonObject = {"function_call": {"id": call.id, "name": call.name, "args": call.arguments or {}}}
    # Of calls made at the same time only the first is signed.
    return {**part, "thought_signature": _UNSIGNED} if is_first else part


def _declaration(tool: Tool) -> JsonObject:
    declared: JsonObject = {"name": tool.name, "description": tool.description}
    # Without parameters there must be none, not an empty object.
    return {**declared, "parameters": _reduced(tool.parameters)} if tool.parameters.get("properties") else declared


def _reduced(schema: JsonObject) -> JsonObject:
    """`schema` in the part of OpenAPI that the API knows for tools."""
    kept = {key: part for key, part in schema.items() if key in _KEPT_KEYWORDS}
    kinds = [as_object(kind) for kind in as_list(schema.get("anyOf")) if as_object(kind).get("type") != "null"]
    if kinds:
        # No choice of several types either; the first is what is meant, and null may stand beside it.
        kept = {**_reduced(kinds[0]), **kept, "nullable": len(kinds) < len(as_list(schema.get("anyOf")))}
    if isinstance(kept.get("type"), list):
        types = [kind for kind in as_list(kept["type"]) if kind != "null"]
        kept = {**kept, "type": types[0] if types else "string", "nullable": len(types) < len(as_list(schema["type"]))}
    if "properties" in kept:
        properties = as_object(kept["properties"])
        kept["properties"] = {key: _reduced(as_object(part)) for key, part in properties.items()}
    if "items" in kept:
        kept["items"] = _reduced(as_object(kept["items"]))
    return kept


def _choice(choice: str) -> JsonObject:
    if choice in _MODES:
        return {"mode": _MODES[choice]}
    return {"mode": "ANY", "allowed_function_names": [choice]}
