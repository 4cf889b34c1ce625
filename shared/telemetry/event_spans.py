"""Events that spans tell of: calls of models and tools, of which there are many."""

from typing import Final

from shared.domain.json import Json
from shared.telemetry import events
from shared.telemetry.events import EventType, publish
from shared.telemetry.tracing import Span

# What the v3 documentation calls our purposes.
_PURPOSES: Final = {
    "derive": "deriver.representation",
    "dialectic": "dialectic.answer",
    "summary_short": "summary.short",
    "summary_long": "summary.long",
    "dream_deduction": "dream.deduction",
    "dream_induction": "dream.induction",
    "dream_card": "dream.card_refresh",
}
_KINDS: Final[dict[str, EventType]] = {
    "model_call": events.MODEL_CALLED,
    "embedding_call": events.EMBEDDING_CALLED,
    "tool_call": events.TOOL_CALLED,
}


class SpanEvents:
    """Publishes the ends of calls."""

    def began(self, span: Span) -> None:
        """Only what is over is an event."""

    def ended(self, span: Span) -> None:
        kind = _KINDS.get(span.name)
        if kind is None:
            return
        entry = span.entry
        shared: dict[str, Json] = {
            "run_id": span.trace.trace_id,
            "workspace_name": None if entry is None else entry.attributes.get("workspace"),
            "duration_ms": round(span.seconds * 1000),
            "outcome": "success" if span.error is None else "error",
            "error_class": span.error,
        }
        publish(kind, span.trace.span_id, **shared, **_about(span))


def _about(span: Span) -> dict[str, Json]:
    about = span.attributes
    if span.name == "tool_call":
        return {
            "tool_name": about.get("tool"),
            "is_error": not about.get("is_ok", False),
            "result_chars": about.get("result_chars"),
        }
    if span.name == "embedding_call":
        return {"model": about.get("model"), "input_count": about.get("inputs")}
    purpose = str(about.get("purpose"))
    return {
        "call_purpose": _PURPOSES.get(purpose, purpose),
        "transport": about.get("provider"),
        "provider_label": about.get("provider"),
        "model": about.get("model"),
        "provider_input_tokens": about.get("input_tokens"),
        "provider_output_tokens": about.get("output_tokens"),
        "cache_read_tokens": about.get("cached_tokens"),
        "finish_reason": about.get("finish"),
    }
