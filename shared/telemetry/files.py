"""What an operator may have written to files on the machine: conversations with models, and measurements."""

from datetime import UTC, datetime
from typing import Final

from shared.telemetry.calls import CallEnd, CallEnded, ModelCall
from shared.telemetry.json_lines import JsonLines
from shared.telemetry.tracing import Span

# As the v3 documentation calls these two; the others go by their purpose.
_TASKS: Final = {"derive": "minimal_deriver", "dialectic": "dialectic_chat"}
_MEASURED: Final = ("attempt", "items", "tokens", "model_calls", "input_tokens", "output_tokens")


class ReasoningTraces:
    """A call listener that writes every call with all that was said. The one place where content goes: by request."""

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines

    def begins(self, call: ModelCall) -> CallEnded:
        return lambda end: self._lines.append(_line(call, end))


def _line(call: ModelCall, end: CallEnd) -> dict[str, object]:
    span = call.span
    return {
        "timestamp": _moment(span.started_ns),
        "task_type": _TASKS.get(call.purpose, call.purpose),
        "workspace": call.workspace,
        "provider": call.provider,
        "model": call.model,
        "settings": call.limits,
        "input": {"tokens": end.tokens.input, "messages": call.said()},
        "output": {
            **end.answered(),
            "tokens": end.tokens.output,
            "thinking_tokens": end.tokens.thinking,
            "finish_reasons": [end.finish],
        },
        "error": end.error,
        "seconds": round(span.seconds, 3),
        "trace_id": span.trace.trace_id,
        "span_id": span.trace.span_id,
    }


class LocalMetrics:
    """A span listener that writes how long requests and pieces of work took, and what they used."""

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines

    def began(self, span: Span) -> None:
        """Only what is over can be measured."""

    def ended(self, span: Span) -> None:
        if span.entry is not span or span.name == "wake_up":
            return
        about = span.attributes
        named = (about.get("kind"),) if span.name == "unit" else (about.get("method"), about.get("route"))
        used = [{"name": name, "value": about[name], "unit": "count"} for name in _MEASURED if name in about]
        self._lines.append(
            {
                "timestamp": _moment(span.started_ns),
                "task_name": " ".join(str(part) for part in (span.name, *named) if part is not None),
                "metrics": [{"name": "duration", "value": round(span.seconds, 4), "unit": "s"}, *used],
            }
        )


def _moment(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat()
