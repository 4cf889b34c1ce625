"""Answers of Anthropic's Messages API, whole or streamed, as replies."""

from typing import Final

from shared.domain.errors import ModelUnavailable
from shared.domain.json import Json, JsonObject
from shared.llm.types import AnswerUseless, FinishReason, Reply, ToolCall, Usage
from shared.llm.wire import as_arguments, as_int, as_list, as_object, as_text

# "model_context_window_exceeded" is a length too: what there is, is cut.
_FINISH: Final[dict[Json, FinishReason]] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}
_THOUGHTS: Final = ("thinking", "redacted_thinking")


def reply_from(message: JsonObject, name: str) -> Reply:
    """The reply in a `message`. Raises `ModelUnavailable` when it says nothing and calls nothing."""
    blocks = [as_object(block) for block in as_list(message.get("content"))]
    finish = _FINISH.get(message.get("stop_reason"), "stop")
    text = "".join(as_text(block.get("text")) for block in blocks if block.get("type") == "text")
    calls = tuple(_call(block, is_cut=_is_cut(block, blocks, finish)) for block in blocks if _is_call(block))
    usage = _usage(as_object(message.get("usage")))
    if not text.strip() and not calls and finish != "refusal":
        limit = " within the output limit" if finish == "length" else ""
        raise AnswerUseless(f"{name} gave an empty answer{limit}", usage=usage)
    finish = "tool_calls" if calls and finish == "stop" else finish
    kept = [_returned(block) for block in blocks]
    replay = {"of": name, "kept": {"content": [block for block in kept if block]}} if _is_worth(blocks) else None
    return Reply(text, calls, usage, finish, name, replay)


class Assembly:
    """A streamed answer, put together piece by piece into the form of an unstreamed one."""

    def __init__(self) -> None:
        self._blocks: dict[Json, JsonObject] = {}
        self._written: dict[Json, str] = {}
        self._stop: Json = None
        self._usage: JsonObject = {}

    def add(self, event: JsonObject) -> str:
        """Take an event in; gives the text it carries, if any."""
        place = event.get("index")
        match event.get("type"):
            case "message_start":
                self._usage = {**as_object(as_object(event.get("message")).get("usage"))}
            case "content_block_start":
                self._blocks[place] = {**as_object(event.get("content_block"))}
                return as_text(self._blocks[place].get("text"))
            case "content_block_delta":
                return self._grow(place, as_object(event.get("delta")))
            case "message_delta":
                self._stop = as_object(event.get("delta")).get("stop_reason") or self._stop
                # These counts are of the whole message, not of this piece of it.
                told = as_object(event.get("usage"))
                self._usage.update({key: count for key, count in told.items() if count is not None})
            case _:
                pass
        return ""

    def reply(self, name: str) -> Reply:
        """The whole. Raises `ModelUnavailable` when the stream was cut."""
        if self._stop is None:
            raise ModelUnavailable(f"{name} stopped in the middle of its answer")
        for place, written in self._written.items():
            self._blocks[place]["input"] = written
        content: list[Json] = [self._blocks[place] for place in self._blocks]
        return reply_from({"content": content, "stop_reason": self._stop, "usage": self._usage}, name)

    def _grow(self, place: Json, delta: JsonObject) -> str:
        block = self._blocks.setdefault(place, {"type": "text", "text": ""})
        match delta.get("type"):
            case "text_delta":
                piece = as_text(delta.get("text"))
                block["text"] = as_text(block.get("text")) + piece
                return piece
            case "thinking_delta":
                block["thinking"] = as_text(block.get("thinking")) + as_text(delta.get("thinking"))
            case "signature_delta":
                block["signature"] = as_text(block.get("signature")) + as_text(delta.get("signature"))
            case "input_json_delta":
                self._written[place] = self._written.get(place, "") + as_text(delta.get("partial_json"))
            case _:
                pass
        return ""


def _is_call(block: JsonObject) -> bool:
    return block.get("type") == "tool_use"


def _is_cut(block: JsonObject, blocks: list[JsonObject], finish: FinishReason) -> bool:
    # The arguments of the call at which the limit was reached are whatever had been written until then.
    return finish == "length" and block is blocks[-1]


def _call(block: JsonObject, *, is_cut: bool) -> ToolCall:
    written = block.get("input")
    arguments = None if is_cut else ({} if written in ("", None) else as_arguments(written))
    return ToolCall(as_text(block.get("id")), as_text(block.get("name")), arguments)


def _is_worth(blocks: list[JsonObject]) -> bool:
    return any(block.get("type") in _THOUGHTS for block in blocks)


def _returned(block: JsonObject) -> JsonObject:
    """What goes back of a block: thoughts unchanged, of the rest what a request may hold; {} for nothing."""
    match block.get("type"):
        case "thinking" | "redacted_thinking":
            return block
        case "text" if as_text(block.get("text")).strip():
            return {"type": "text", "text": block["text"]}
        case "tool_use":
            written = as_arguments(block.get("input")) or {}
            return {"type": "tool_use", "id": block.get("id"), "name": block.get("name"), "input": written}
        case _:
            return {}


def _usage(usage: JsonObject) -> Usage:
    read, written = as_int(usage.get("cache_read_input_tokens")), as_int(usage.get("cache_creation_input_tokens"))
    details = as_object(usage.get("output_tokens_details"))
    return Usage(
        # The vendor counts here only what is neither read from a cache nor written to one.
        as_int(usage.get("input_tokens")) + read + written,
        as_int(usage.get("output_tokens")),
        read,
        written,
        as_int(details.get("thinking_tokens")),
    )
