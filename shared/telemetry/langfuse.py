"""Calls of models to Langfuse through its own SDK: a run for each request or piece of work, with what it called."""

from dataclasses import dataclass
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from shared.domain.json import JsonObject
from shared.telemetry.calls import CallEnd, CallEnded, ModelCall
from shared.telemetry.logs import logger
from shared.telemetry.missing import needed
from shared.telemetry.tracing import Span

if TYPE_CHECKING:
    from langfuse import LangfuseSpan, LangfuseTool

_TIMEOUT_S: Final = 5
_REST_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class LangfusePlan:
    """What the operator chose; `sends_content`: also what is said to models and by them."""

    public_key: str
    secret_key: str
    host: str | None = None
    sends_content: bool = False


class Langfuse:
    """A call listener for models and a span listener for tools and for the ends of runs.

    Traces have our ids. The user is the namespace: who uses the service is nobody's business there.
    """

    def __init__(self, plan: LangfusePlan, *, namespace: str) -> None:
        with needed("langfuse", "LANGFUSE_PUBLIC_KEY"):
            from langfuse import Langfuse as Client
            from opentelemetry.sdk.trace import TracerProvider

        self._plan = plan
        self._namespace = namespace
        # Ours alone: the global one belongs to whoever set it.
        self._client = Client(
            public_key=plan.public_key,
            secret_key=plan.secret_key,
            base_url=plan.host,
            timeout=_TIMEOUT_S,
            tracer_provider=TracerProvider(),
        )
        self._runs: dict[str, LangfuseSpan] = {}
        self._tools: dict[str, LangfuseTool] = {}
        self._lock = Lock()
        self._rests_until = 0.0

    def begins(self, call: ModelCall) -> CallEnded:
        run = self._run_of(call.span)
        limits = {name: str(value) for name, value in call.limits.items() if name != "tools" and value is not None}
        generation = run.start_observation(
            name=call.purpose,
            as_type="generation",
            model=call.model,
            model_parameters=dict(limits),
            input=call.said() if self._plan.sends_content else None,
            metadata={"provider": call.provider, "workspace": call.workspace},
        )
        is_alone = call.span.entry is None

        def ended(end: CallEnd) -> None:
            tokens = end.tokens
            generation.update(
                output=end.answered() if self._plan.sends_content else None,
                usage_details={
                    "input": tokens.input - tokens.cached,
                    "input_cached_tokens": tokens.cached,
                    "output": tokens.output,
                },
                level="DEFAULT" if end.error is None else "ERROR",
                status_message=end.error,
                metadata={"finish": end.finish},
            )
            generation.end()
            if is_alone:
                run.end()

        return ended

    def began(self, span: Span) -> None:
        if span.name != "tool_call" or span.entry is None:
            return
        tool = self._run_of(span).start_observation(name=str(span.attributes.get("tool")), as_type="tool")
        with self._lock:
            self._tools[span.trace.span_id] = tool

    def ended(self, span: Span) -> None:
        with self._lock:
            found = self._tools.pop(span.trace.span_id, None) or self._runs.pop(span.trace.span_id, None)
        if found is not None:
            if span.error is not None:
                found.update(level="ERROR", status_message=span.error)
            found.end()

    def flush(self, seconds: float) -> None:
        """Bounded, and left out for a while when the last one took longer: the SDK itself waits as it likes."""
        if monotonic() < self._rests_until:
            return
        waiting = Thread(target=self._client.flush, name="langfuse-flush", daemon=True)
        waiting.start()
        waiting.join(seconds)
        if waiting.is_alive():
            self._rests_until = monotonic() + _REST_S
            logger.warning("telemetry_not_sent", outlet="langfuse", rest_s=_REST_S)

    def _run_of(self, span: Span) -> "LangfuseSpan":
        """The run that the span is a part of, begun with its first call."""
        from langfuse import propagate_attributes

        entry = span.entry or span
        with self._lock:
            found = self._runs.get(entry.trace.span_id)
            if found is not None:
                return found
            about = cast(JsonObject, dict(entry.attributes))
            with propagate_attributes(user_id=self._namespace):
                run = self._client.start_observation(
                    trace_context={"trace_id": entry.trace.trace_id}, name=entry.name, as_type="span", metadata=about
                )
            if span.entry is not None:
                self._runs[entry.trace.span_id] = run
            return run
