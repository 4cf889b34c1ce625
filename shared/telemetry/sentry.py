"""Errors that a person must look at, and how long things took, to Sentry through its own SDK."""

import logging
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from shared.domain.errors import DatabaseUnavailable, ServiceError
from shared.domain.version import VERSION
from shared.telemetry import tracing
from shared.telemetry.logs import logger
from shared.telemetry.missing import needed
from shared.telemetry.tracing import Span

if TYPE_CHECKING:
    from sentry_sdk.tracing import Transaction

_PROBES: Final = ("/health", "/metrics", "/health/ready", "/health/live")
_OPS: Final = {"request": "http.server", "unit": "queue.task", "wake_up": "queue.process", "tick": "task"}


@dataclass(frozen=True, slots=True)
class SentryPlan:
    """What the operator chose."""

    dsn: str
    environment: str
    release: str | None = None
    traces_sample_rate: float = 0.1
    profiles_sample_rate: float = 0.1


class Sentry:
    """A span listener that makes a transaction of each entry, and a log handler that hands on unexpected errors.

    None of the SDK's integrations is on: they would read requests, arguments and local variables. Of an error it gets
    the class and where it happened. Errors of our own tree are answers and not incidents, but for a database that
    cannot be reached, which is one warning however often it happens.
    """

    def __init__(self, plan: SentryPlan, *, namespace: str, function: str) -> None:
        with needed("sentry-sdk", "SENTRY_ENABLED"):
            import sentry_sdk

        self._sdk = sentry_sdk
        self._open: dict[str, Transaction] = {}
        self._handler = _Handler(self)
        sentry_sdk.init(
            dsn=plan.dsn,
            environment=plan.environment,
            release=plan.release or VERSION,
            traces_sample_rate=plan.traces_sample_rate,
            profiles_sample_rate=plan.profiles_sample_rate,
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            server_name=function,
            before_send=cast(Any, _without_texts),
            before_send_transaction=cast(Any, _without_probes),
        )
        sentry_sdk.set_tag("namespace", namespace)
        sentry_sdk.set_tag("function", function)
        logger.addHandler(self._handler)

    def began(self, span: Span) -> None:
        if span.entry is not span:
            return
        parent = span.parent_id or ""
        headers = {"sentry-trace": f"{span.trace.trace_id}-{parent or span.trace.span_id}"}
        transaction = self._sdk.continue_trace(headers, op=_OPS.get(span.name, span.name), name=span.name)
        started = self._sdk.start_transaction(transaction)
        started.__enter__()
        self._open[span.trace.span_id] = cast("Transaction", started)

    def ended(self, span: Span) -> None:
        if span.entry is not None and span.entry is not span:
            self._add(span, span.entry)
            return
        transaction = self._open.pop(span.trace.span_id, None)
        if transaction is None:
            return
        transaction.name = _name_of(span)
        for name, value in span.attributes.items():
            transaction.set_data(name, value)
        transaction.set_status("ok" if span.error is None else "internal_error")
        transaction.__exit__(None, None, None)

    def _add(self, span: Span, entry: Span) -> None:
        """What ended inside an entry, as a part of its transaction."""
        transaction = self._open.get(entry.trace.span_id)
        if transaction is None:
            return
        child = transaction.start_child(op=span.name, name=span.name, start_timestamp=span.started_ns / 1e9)
        for name, value in span.attributes.items():
            child.set_data(name, value)
        child.set_status("ok" if span.error is None else "internal_error")
        child.finish(end_timestamp=span.ended_ns / 1e9)  # pyright: ignore[reportArgumentType]  # it takes seconds, too

    def report(self, event: str, error: BaseException) -> None:
        """An error that was logged under the name of `event`."""
        is_outage = isinstance(error, DatabaseUnavailable)
        if isinstance(error, ServiceError) and not is_outage:
            return
        with self._sdk.new_scope() as scope:
            scope.set_tag("event", event)
            if trace_id := tracing.trace_id():
                scope.set_tag("trace_id", trace_id)
            if is_outage:
                scope.set_level("warning")
                scope.fingerprint = ["database-unavailable"]
            self._sdk.capture_exception(error)

    def flush(self, seconds: float) -> None:
        self._sdk.flush(timeout=seconds)

    def close(self) -> None:
        logging.getLogger(logger.name).removeHandler(self._handler)
        self._sdk.get_client().close(timeout=0)


class _Handler(logging.Handler):
    """Hears of the errors that are logged as such."""

    def __init__(self, sentry: Sentry) -> None:
        super().__init__(logging.ERROR)
        self._sentry = sentry

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._sentry.report(str(record.msg), error)


def _name_of(span: Span) -> str:
    about = span.attributes
    if span.name == "request":
        return f"{about.get('method')} {about.get('route')}"
    return f"{span.name} {about['kind']}" if "kind" in about else span.name


def _without_texts(event: MutableMapping[str, Any], hint: Mapping[str, Any]) -> MutableMapping[str, Any] | None:
    """The event with nothing in it that may quote what was said: of exceptions the class and the place."""
    found: list[dict[str, Any]] = event.get("exception", {}).get("values", [])
    for exception in found:
        exception["value"] = ""
    for key in ("logentry", "message", "request", "user", "breadcrumbs", "extra"):
        event.pop(key, None)
    return event


def _without_probes(event: MutableMapping[str, Any], hint: Mapping[str, Any]) -> MutableMapping[str, Any] | None:
    return None if str(event.get("transaction", "")).endswith(_PROBES) else event
