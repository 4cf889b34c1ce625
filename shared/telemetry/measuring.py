"""Metrics that spans tell of: who measures need not be asked where the work is done."""

from shared.telemetry import metrics
from shared.telemetry.metrics import measure
from shared.telemetry.tracing import Span

_TASKS = {"derive": ("representation", "ingestion"), "summary": ("summary", "summary")}
_DREAM = "dream_"


class SpanMeter:
    """Counts the spans that end."""

    def began(self, span: Span) -> None:
        """Only what is over counts."""

    def ended(self, span: Span) -> None:
        match span.name:
            case "request":
                _request(span)
            case "unit":
                _unit(span)
            case "model_call":
                _model_call(span)
            case "embedding_call":
                measure(metrics.EMBEDDING_CALLS, 1, "success" if span.error is None else "error")
            case _:
                pass


def _request(span: Span) -> None:
    method, route = _text(span, "method"), _text(span, "route")
    # Whoever hung up before the answer began has seen none.
    measure(metrics.API_REQUESTS, 1, method, route, _text(span, "status") or "499")
    measure(metrics.API_SECONDS, span.seconds, method, route)


def _unit(span: Span) -> None:
    kind, outcome = _text(span, "kind"), _text(span, "outcome")
    measure(metrics.WORK_ATTEMPTS, 1, kind, outcome)
    measure(metrics.WORK_SECONDS, span.seconds, kind)
    if kind not in _TASKS:
        return
    item, task = _TASKS[kind]
    if outcome == "finished":
        measure(metrics.DERIVER_ITEMS, _number(span, "items"), item)
    read, written, said = (_number(span, name) for name in ("input_tokens", "output_tokens", "tokens"))
    if read or written:
        messages = min(said, read)
        measure(metrics.DERIVER_TOKENS, messages, task, "input", "messages")
        measure(metrics.DERIVER_TOKENS, read - messages, task, "input", "prompt")
        measure(metrics.DERIVER_TOKENS, written, task, "output", "output_total")


def _model_call(span: Span) -> None:
    purpose = _text(span, "purpose")
    outcome = "success" if span.error is None else "error"
    measure(metrics.MODEL_CALLS, 1, purpose, _text(span, "provider"), outcome)
    measure(metrics.MODEL_SECONDS, span.seconds, purpose)
    if purpose.startswith(_DREAM):
        specialist = purpose.removeprefix(_DREAM)
        measure(metrics.DREAMER_TOKENS, _number(span, "input_tokens"), specialist, "input")
        measure(metrics.DREAMER_TOKENS, _number(span, "output_tokens"), specialist, "output")


def _text(span: Span, name: str) -> str:
    return str(span.attributes.get(name, ""))


def _number(span: Span, name: str) -> float:
    value = span.attributes.get(name, 0)
    return 0 if isinstance(value, str) else value
