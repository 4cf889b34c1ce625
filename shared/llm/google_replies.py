"""Answers of Google's Gemini API, whole or streamed, as replies."""

from collections.abc import Mapping
from typing import Final
from uuid import uuid4

from shared.domain.errors import ModelUnavailable
from shared.domain.json import Json, JsonObject
from shared.llm.types import AnswerUseless, FinishReason, Reply, ToolCall, Usage
from shared.llm.wire import as_int, as_list, as_object, as_text

_REFUSALS: Final = frozenset(
    {"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "ESCALATION", "MODEL_ARMOR"}
)
# It tried to call a tool and wrote nothing that is a call: the next attempt may do better.
_BROKEN: Final = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "OTHER"})


def reply_from(data: JsonObject, name: str) -> Reply:
    """The reply in a response. Raises `ModelUnavailable` when it says nothing and calls nothing."""
    candidate = as_object(next(iter(as_list(data.get("candidates"))), None))
    parts = [as_object(part) for part in as_list(as_object(candidate.get("content")).get("parts"))]
    reason = as_text(candidate.get("finishReason"))
    blocked = as_object(data.get("promptFeedback")).get("blockReason")
    text = "".join(_said(part) for part in parts)
    calls = [(as_object(part["functionCall"]).get("id"), _call(part)) for part in parts if "functionCall" in part]
    finish = _finish(reason, is_blocked=bool(blocked) or reason in _REFUSALS, has_calls=bool(calls))
    usage = _usage(as_object(data.get("usageMetadata")))
    if not text.strip() and not calls and finish != "refusal":
        limit = " within the output limit" if finish == "length" else ""
        broken = f" ({reason})" if reason in _BROKEN else ""
        raise AnswerUseless(f"{name} gave an empty answer{limit}{broken}", usage=usage)
    ids: JsonObject = {call.id: wire_id for wire_id, call in calls}
    replay = _replay(parts, ids, name)
    found = tuple(call for _, call in calls)
    return Reply(text, found, usage, finish, name, replay)


class Assembly:
    """A streamed answer, put together piece by piece into the form of an unstreamed one."""

    def __init__(self) -> None:
        self._parts: list[JsonObject] = []
        self._reason: Json = None
        self._usage: Json = None
        self._feedback: Json = None

    def add(self, chunk: JsonObject) -> str:
        """Take a chunk in; gives the text it carries, if any."""
        self._usage = chunk.get("usageMetadata") or self._usage
        self._feedback = chunk.get("promptFeedback") or self._feedback
        candidate = as_object(next(iter(as_list(chunk.get("candidates"))), None))
        self._reason = candidate.get("finishReason") or self._reason
        parts = [as_object(part) for part in as_list(as_object(candidate.get("content")).get("parts"))]
        for part in parts:
            self._add(part)
        return "".join(_said(part) for part in parts)

    def reply(self, name: str) -> Reply:
        """The whole. Raises `ModelUnavailable` when the stream was cut."""
        if self._reason is None and not as_object(self._feedback).get("blockReason"):
            raise ModelUnavailable(f"{name} stopped in the middle of its answer")
        candidate: JsonObject = {"content": {"parts": [*self._parts]}, "finishReason": self._reason}
        return reply_from(
            {"candidates": [candidate], "usageMetadata": self._usage, "promptFeedback": self._feedback}, name
        )

    def _add(self, part: JsonObject) -> None:
        # Only plain pieces are put together: a part with a signature goes back as it came.
        last = self._parts[-1] if self._parts else {}
        if part.keys() == {"text"} and last.keys() == {"text"}:
            last["text"] = as_text(last["text"]) + as_text(part["text"])
        else:
            self._parts.append({**part})


def _said(part: JsonObject) -> str:
    return "" if part.get("thought") else as_text(part.get("text"))


def _call(part: JsonObject) -> ToolCall:
    call = as_object(part["functionCall"])
    # The ones before Gemini 3.5 send no id; made up, it must not repeat within the conversation.
    call_id = as_text(call.get("id")) or f"call_{uuid4().hex}"
    return ToolCall(call_id, as_text(call.get("name")), as_object(call.get("args")))


def _finish(reason: str, *, is_blocked: bool, has_calls: bool) -> FinishReason:
    if is_blocked:
        return "refusal"
    if reason == "MAX_TOKENS":
        return "length"
    return "tool_calls" if has_calls else "stop"


def _replay(parts: list[JsonObject], ids: JsonObject, name: str) -> Mapping[str, object] | None:
    # A signature may come alone, in a part whose text is empty.
    kept: list[Json] = [part for part in parts if not part.get("thought") and part != {"text": ""}]
    is_signed = any("thoughtSignature" in part for part in parts)
    return {"of": name, "kept": {"parts": kept, "ids": ids}} if ids or is_signed else None


def _usage(usage: JsonObject) -> Usage:
    thought = as_int(usage.get("thoughtsTokenCount"))
    return Usage(
        as_int(usage.get("promptTokenCount")) + as_int(usage.get("toolUsePromptTokenCount")),
        # The vendor counts thoughts beside the answer, not as a part of it.
        as_int(usage.get("candidatesTokenCount")) + thought,
        as_int(usage.get("cachedContentTokenCount")),
        thinking_tokens=thought,
    )
