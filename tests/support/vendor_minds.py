"""Vendors' servers that think: a request is read as its vendor reads it, and answered by the offline model."""

import json
import re
from collections.abc import Sequence

from shared.domain.json import Json, JsonObject
from shared.llm.offline import OfflineModel
from shared.llm.types import Answer, AssistantTurn, Completion, SystemTurn, Tool, ToolCall, ToolTurn, Turn, UserTurn
from shared.llm.wire import as_arguments, as_int, as_list, as_object, as_text
from tests.support.scripted_server import Received, Scripted
from tests.support.vendor_world import Line, World

_TOLD = re.compile(r"JSON Schema:\n(\{.*\})", re.DOTALL)


class Mind:
    """What answers in a vendor's place. It refuses, as a vendor does, what does not fit together.

    Each of its turns that calls tools begins with a signed thought, which must come back with the call.
    """

    def __init__(self, world: World, model: OfflineModel) -> None:
        self.heard: list[Completion] = []
        self._world = world
        self._model = model

    def __call__(self, received: Received) -> Scripted:
        request = _READERS[self._world.label.partition("/")[0]](received.body)
        complaint = self._complaint(request, received)
        if complaint is not None:
            return self._world.failure(400, complaint)
        self.heard.append(request)
        reply = self._model.complete(request)
        calls = tuple(
            (f"id-{len(self.heard)}-{n}", one.name, one.arguments or {}) for n, one in enumerate(reply.tool_calls)
        )
        line = Line(reply.text, calls, is_thought=bool(calls))
        is_streamed = received.body.get("stream") is True or "streamGenerateContent" in received.path
        return self._world.streamed(line) if is_streamed else self._world.whole(line)

    def _complaint(self, request: Completion, received: Received) -> str | None:
        turns = [turn for turn in request.turns if isinstance(turn, AssistantTurn) and turn.tool_calls]
        asked = [call.id for turn in turns for call in turn.tool_calls]
        answered = [turn.call_id for turn in request.turns if isinstance(turn, ToolTurn)]
        if asked != answered:
            return "each call needs its result, in order"
        if turns and not request.tools and self._world.label.startswith("anthropic"):
            return "tools must be defined where the conversation speaks of them"
        signed = len(self._world.thoughts(received))
        # Anthropic's turns begin with two blocks.
        wanted = len(turns) * (2 if self._world.label.startswith("anthropic") else 1)
        return None if signed == wanted else f"{wanted} signed thoughts are wanted, {signed} came"


def _openai(body: JsonObject) -> Completion:
    turns: list[Turn] = []
    names: dict[str, str] = {}
    for message in map(as_object, as_list(body["messages"])):
        text = as_text(message.get("content"))
        match message["role"]:
            case "system":
                turns.append(SystemTurn(text))
            case "user":
                turns.append(UserTurn(text))
            case "tool":
                call_id = as_text(message["tool_call_id"])
                turns.append(ToolTurn(call_id, names[call_id], text))
            case _:
                calls = [_openai_call(as_object(call)) for call in as_list(message.get("tool_calls"))]
                names.update({call.id: call.name for call in calls})
                turns.append(AssistantTurn(text, tuple(calls)))
    tools = [as_object(as_object(tool)["function"]) for tool in as_list(body.get("tools"))]
    choice = body.get("tool_choice") or "auto"
    chosen = as_text(as_object(as_object(choice).get("function")).get("name"))
    form = as_object(as_object(body.get("response_format")).get("json_schema")).get("schema")
    named = chosen or {"required": "any"}.get(str(choice), str(choice))
    cap = as_int(body.get("max_completion_tokens")) or as_int(body.get("max_tokens"))
    return _completion(turns, tools, "parameters", named, form, cap)


def _openai_call(call: JsonObject) -> ToolCall:
    function = as_object(call["function"])
    return ToolCall(as_text(call["id"]), as_text(function["name"]), as_arguments(function["arguments"]))


def _anthropic(body: JsonObject) -> Completion:
    turns: list[Turn] = [SystemTurn(as_text(body["system"]))] if "system" in body else []
    names: dict[str, str] = {}
    for message in map(as_object, as_list(body["messages"])):
        blocks = [as_object(block) for block in as_list(message["content"])]
        texts = [as_text(block["text"]) for block in blocks if block["type"] == "text"]
        if message["role"] == "assistant":
            calls = [
                ToolCall(as_text(block["id"]), as_text(block["name"]), as_object(block["input"]))
                for block in blocks
                if block["type"] == "tool_use"
            ]
            names.update({call.id: call.name for call in calls})
            turns.append(AssistantTurn("".join(texts), tuple(calls)))
            continue
        results = [block for block in blocks if block["type"] == "tool_result"]
        ids = [as_text(block["tool_use_id"]) for block in results]
        turns += [ToolTurn(one, names[one], as_text(block["content"])) for one, block in zip(ids, results, strict=True)]
        turns += [UserTurn(text) for text in texts]
    choice = as_object(body.get("tool_choice"))
    form = as_object(as_object(body.get("output_config")).get("format")).get("schema")
    tools = [as_object(tool) for tool in as_list(body.get("tools"))]
    named = as_text(choice.get("name") or choice.get("type") or "auto")
    return _completion(turns, tools, "input_schema", named, form, as_int(body["max_tokens"]))


def _google(body: JsonObject) -> Completion:
    system = as_object(body.get("systemInstruction"))
    turns: list[Turn] = [SystemTurn(as_text(system["parts"]))] if system else []
    waiting: list[ToolCall] = []
    for place, content in enumerate(map(as_object, as_list(body["contents"]))):
        parts = [as_object(part) for part in as_list(content["parts"])]
        texts = [as_text(part["text"]) for part in parts if "text" in part]
        if content["role"] == "model":
            called = [as_object(part["functionCall"]) for part in parts if "functionCall" in part]
            waiting = [
                # Without an id of its own a call is known by its place.
                ToolCall(as_text(call.get("id")) or f"{place}-{n}", as_text(call["name"]), as_object(call.get("args")))
                for n, call in enumerate(called)
            ]
            turns.append(AssistantTurn("".join(texts), tuple(waiting)))
            continue
        results = [as_object(part["functionResponse"]) for part in parts if "functionResponse" in part]
        for call, result in zip(waiting, results, strict=False):
            is_its = result["name"] == call.name and result.get("id", call.id) == call.id
            text = as_text(as_object(result["response"])["output"])
            turns.append(ToolTurn(call.id if is_its else "unknown", call.name, text))
        turns += [UserTurn(text) for text in texts]
    calling = as_object(as_object(body.get("toolConfig")).get("functionCallingConfig"))
    allowed = as_list(calling.get("allowedFunctionNames"))
    named = as_text(allowed[0]) if allowed else as_text(calling.get("mode") or "AUTO").lower()
    config = as_object(body["generationConfig"])
    declared = [
        as_object(one)
        for tool in as_list(body.get("tools"))
        for one in as_list(as_object(tool)["functionDeclarations"])
    ]
    form = config.get("responseJsonSchema")
    return _completion(turns, declared, "parameters", named, form, as_int(config["maxOutputTokens"]))


def _completion(
    turns: list[Turn], tools: Sequence[JsonObject], parameters: str, choice: str, form: Json, cap: int
) -> Completion:
    offered = tuple(
        Tool(as_text(tool["name"]), as_text(tool.get("description")), as_object(tool.get(parameters))) for tool in tools
    )
    schema = as_object(form) or _told(turns)
    return Completion(tuple(turns), "", cap, offered, choice, Answer("form", schema) if schema else None)


def _told(turns: Sequence[Turn]) -> JsonObject:
    """The schema of a form that is told in words, as a model reads it."""
    for turn in reversed(turns):
        found = _TOLD.search(turn.text)
        if found and not isinstance(turn, ToolTurn):
            return as_object(json.loads(found[1]))
    return {}


_READERS = {
    **dict.fromkeys(("openai", "custom", "vllm", "groq"), _openai),
    "anthropic": _anthropic,
    "google": _google,
}
