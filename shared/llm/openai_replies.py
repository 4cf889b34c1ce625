"""Answers of OpenAI's chat protocol, whole or streamed, as replies."""

from collections.abc import Mapping
from typing import Final
from uuid import uuid4

from shared.domain.errors import ModelUnavailable
from shared.domain.json import Json, JsonObject
from shared.llm.types import AnswerUseless, FinishReason, Reply, ToolCall, Usage
from shared.llm.wire import as_arguments, as_int, as_list, as_object, as_text

# DeepSeek and vLLM, newer vLLM and Groq, OpenRouter: wanted back unchanged while tools are being called.
_REASONING_FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_details")
_FINISH: Final[dict[Json, FinishReason]] = {
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
}


def reply_from(data: JsonObject, name: str) -> Reply:
    """The reply in a `chat.completion`. Raises `ModelUnavailable` when it says nothing and calls nothing."""
    choice = as_object(next(iter(as_list(data.get("choices"))), None))
    message = as_object(choice.get("message"))
    wire_calls = [as_object(call) for call in as_list(message.get("tool_calls"))]
    is_cut = choice.get("finish_reason") == "length"
    calls = tuple(_tool_call(call, is_cut=is_cut) for call in wire_calls)
    refusal = as_text(message.get("refusal"))
    text = as_text(message.get("content")) + refusal
    finish = "refusal" if refusal else _FINISH.get(choice.get("finish_reason"), "stop")
    # With a tool forced by its name, OpenAI says "stop".
    finish = "tool_calls" if calls and finish == "stop" else finish
    usage = _usage(as_object(data.get("usage")))
    if choice.get("finish_reason") == "error":
        raise AnswerUseless(f"{name} broke off", usage=usage)
    if not text.strip() and not calls and finish != "refusal":
        limit = " within the output limit" if finish == "length" else ""
        raise AnswerUseless(f"{name} gave an empty answer{limit}", usage=usage)
    replay = _replay(message, wire_calls, calls, name) if calls else None
    return Reply(text, calls, usage, finish, name, replay)


class Assembly:
    """A streamed answer, put together piece by piece into the form of an unstreamed one."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._reasoning: dict[str, Json] = {}
        self._calls: list[JsonObject] = []
        self._places: dict[Json, JsonObject] = {}
        self._finish: Json = None
        self._usage: Json = None

    def add(self, chunk: JsonObject) -> str:
        """Take a chunk in; gives the text it carries, if any."""
        self._usage = chunk.get("usage") or self._usage
        choice = as_object(next(iter(as_list(chunk.get("choices"))), None))
        self._finish = choice.get("finish_reason") or self._finish
        delta = as_object(choice.get("delta"))
        for piece in as_list(delta.get("tool_calls")):
            self._add_call(as_object(piece))
        for field in _REASONING_FIELDS:
            self._add_reasoning(field, delta.get(field))
        said, refused = as_text(delta.get("content")), as_text(delta.get("refusal"))
        self._text.append(said)
        self._refusal.append(refused)
        return said + refused

    def reply(self, name: str) -> Reply:
        """The whole. Raises `ModelUnavailable` when the stream was cut."""
        if self._finish is None:
            raise ModelUnavailable(f"{name} stopped in the middle of its answer")
        message: JsonObject = {
            **self._reasoning,
            "content": "".join(self._text),
            "refusal": "".join(self._refusal),
            "tool_calls": [*self._calls],
        }
        return reply_from(
            {"choices": [{"message": message, "finish_reason": self._finish}], "usage": self._usage}, name
        )

    def _add_call(self, piece: JsonObject) -> None:
        call = self._place(piece.get("index"), piece.get("id"))
        said = as_object(piece.get("function"))
        function = as_object(call["function"])
        function["name"] = function["name"] or as_text(said.get("name"))
        function["arguments"] = as_text(function["arguments"]) + as_text(said.get("arguments"))
        if (extra := piece.get("extra_content")) is not None:
            call["extra_content"] = extra

    def _place(self, index: Json, call_id: Json) -> JsonObject:
        # Some servers number every parallel call 0, or none: a new id is a new call.
        known = self._places.get(index)
        if known is not None and (not call_id or call_id == known["id"]):
            return known
        call: JsonObject = {"id": call_id, "function": {"name": "", "arguments": ""}}
        self._places[index] = call
        self._calls.append(call)
        return call

    def _add_reasoning(self, field: str, piece: Json) -> None:
        known = self._reasoning.get(field)
        if isinstance(piece, str):
            self._reasoning[field] = (known if isinstance(known, str) else "") + piece
        elif isinstance(piece, list):
            self._reasoning[field] = [*(known if isinstance(known, list) else []), *piece]


def _replay(
    message: JsonObject, wire_calls: list[JsonObject], calls: tuple[ToolCall, ...], name: str
) -> Mapping[str, object] | None:
    reasoning = {field: message[field] for field in _REASONING_FIELDS if message.get(field)}
    # Gemini behind this protocol signs its calls here, and refuses them back unsigned.
    signed = zip(calls, wire_calls, strict=True)
    extras = {call.id: wire["extra_content"] for call, wire in signed if wire.get("extra_content")}
    return {"of": name, "kept": {"message": reasoning, "extras": extras}} if reasoning or extras else None


def _tool_call(wire: JsonObject, *, is_cut: bool) -> ToolCall:
    function = as_object(wire.get("function"))
    call_id = as_text(wire.get("id")) or f"call_{uuid4().hex}"
    written = function.get("arguments")
    # Nothing at all is how some servers write a call without arguments.
    is_bare = not written and not is_cut
    return ToolCall(call_id, as_text(function.get("name")), {} if is_bare else as_arguments(written))


def _usage(usage: JsonObject) -> Usage:
    read, written = as_object(usage.get("prompt_tokens_details")), as_object(usage.get("completion_tokens_details"))
    return Usage(
        as_int(usage.get("prompt_tokens")),
        as_int(usage.get("completion_tokens")),
        as_int(read.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")),
        as_int(read.get("cache_write_tokens")),
        as_int(written.get("reasoning_tokens")),
    )
