"""Where telemetry goes: whether each receiver that is chosen can be reached, and takes what it will be sent.

Each is sent something that it accepts and that leaves nothing there: an empty batch, no spans, a report of no losses.
"""

import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from infra.bootstrap import ROOT
from infra.tools.doctor.finding import Finding
from shared.settings import Settings
from shared.telemetry.otlp import headers_of, traces_address

_PATIENCE_S: Final = 5.0
_LANGFUSE: Final = "https://cloud.langfuse.com"
_COLLECTOR: Final = "http://localhost:4318"
_LAYER: Final = "layers/observe/requirements.txt"


@dataclass(frozen=True, slots=True)
class _Try:
    """A request that shows whether the receiver would take ours. `key_knob` and `knob`: what to look at otherwise."""

    subject: str
    method: str
    url: str
    knob: str
    key_knob: str
    headers: Mapping[str, str]
    content: bytes = b""
    auth: tuple[str, str] | None = None


def examine_outlets(settings: Settings) -> Iterator[Finding]:
    """A line for each receiver that is chosen; one line when there is none."""
    found = [*_events(settings), *_traces(settings), *_sentry(settings), *_langfuse(settings), *_files(settings)]
    yield from found or [Finding("telemetry", "off", "goes nowhere but to the log")]


def _events(settings: Settings) -> Iterator[Finding]:
    chosen = settings.telemetry
    if chosen.enabled and chosen.endpoint is not None:
        headers = {name: value.get_secret_value() for name, value in (chosen.headers or {}).items()}
        kind = {"Content-Type": "application/cloudevents-batch+json"}
        yield _tried(
            _Try(
                *("events", "POST", chosen.endpoint, "TELEMETRY_ENDPOINT", "TELEMETRY_HEADERS"),
                {**headers, **kind},
                b"[]",
            )
        )


def _traces(settings: Settings) -> Iterator[Finding]:
    chosen = settings.otel
    if not chosen.enabled:
        return
    if lacking := _lacking("traces", "OTEL_ENABLED", "opentelemetry.sdk", "opentelemetry.exporter"):
        yield lacking
        return
    # As the SDK finds them where ours are not set.
    own = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") if chosen.exporter_otlp_endpoint is None else None
    address = own or traces_address(chosen.exporter_otlp_endpoint or _COLLECTOR)
    secret = chosen.exporter_otlp_headers
    headers = headers_of(secret.get_secret_value() if secret else os.environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS"))
    knobs = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS")
    # No spans are no bytes.
    yield _tried(_Try("traces", "POST", address, *knobs, {**headers, "Content-Type": "application/x-protobuf"}))


def _sentry(settings: Settings) -> Iterator[Finding]:
    chosen = settings.sentry
    if not chosen.enabled or chosen.dsn is None:
        return
    if lacking := _lacking("sentry", "SENTRY_ENABLED", "sentry_sdk"):
        yield lacking
        return
    from sentry_sdk.consts import EndpointType
    from sentry_sdk.utils import BadDsn, Dsn

    try:
        auth = Dsn(chosen.dsn.get_secret_value()).to_auth("honcho-serverless")
    except BadDsn:
        yield Finding("sentry", "problem", "the DSN has another form than https://key@host/number: see SENTRY_DSN")
        return
    report = json.dumps({"discarded_events": []})
    envelope = "\n".join(["{}", json.dumps({"type": "client_report", "length": len(report)}), report]).encode()
    headers = {"Content-Type": "application/x-sentry-envelope", "X-Sentry-Auth": auth.to_header()}
    yield _tried(
        _Try(
            *("sentry", "POST", auth.get_api_url(EndpointType.ENVELOPE), "SENTRY_DSN", "SENTRY_DSN"),
            headers,
            envelope,
        )
    )


def _langfuse(settings: Settings) -> Iterator[Finding]:
    app = settings.app
    if app.langfuse_public_key is None or app.langfuse_secret_key is None:
        return
    if lacking := _lacking("langfuse", "LANGFUSE_PUBLIC_KEY", "langfuse"):
        yield lacking
        return
    keys = (app.langfuse_public_key, app.langfuse_secret_key.get_secret_value())
    url = f"{app.langfuse_host or _LANGFUSE}/api/public/projects"
    knob = "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"
    yield _tried(_Try("langfuse", "GET", url, "LANGFUSE_HOST", knob, {}, auth=keys))


def _files(settings: Settings) -> Iterator[Finding]:
    app = settings.app
    if app.reasoning_traces_file is not None:
        yield _writable("model calls", app.reasoning_traces_file, "REASONING_TRACES_FILE")
    if app.collect_metrics_local:
        yield _writable("measurements", app.local_metrics_file, "LOCAL_METRICS_FILE")


def _tried(attempt: _Try) -> Finding:
    import httpx

    started = monotonic()
    place = _place(attempt.url)
    try:
        status = httpx.request(
            attempt.method,
            attempt.url,
            content=attempt.content,
            headers=dict(attempt.headers),
            auth=attempt.auth,
            timeout=_PATIENCE_S,
        ).status_code
    # Texts may quote addresses with keys in them. The last two: what cannot be written into a header or host.
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
        said = f"{place} cannot be reached ({type(error).__name__}): see {attempt.knob}"
        return Finding(attempt.subject, "problem", said)
    if 200 <= status < 300:
        return Finding(attempt.subject, "ok", f"{place} took it in {(monotonic() - started) * 1000:.0f} ms")
    return Finding(attempt.subject, "problem", f"{place} {_why(status, attempt)}")


def _why(status: int, attempt: _Try) -> str:
    if status in (401, 403):
        return f"refuses the key (HTTP {status}): see {attempt.key_knob}"
    if status == 429:
        return "takes no more for now (HTTP 429): what is sent meanwhile waits, and the oldest is dropped"
    if status >= 500:
        return f"is not available (HTTP {status})"
    reason = "leads elsewhere" if 300 <= status < 400 else "does not take it"
    return f"{reason} (HTTP {status}): see {attempt.knob}"


def _place(url: str) -> str:
    """Host and port: user, path and query may be keys."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the address"
    return f"{parts.hostname or 'the address'}{port}"


def _lacking(subject: str, variable: str, *modules: str) -> Finding | None:
    if all(_is_there(module) for module in modules):
        return None
    return Finding(subject, "problem", f"{variable} needs a package that is not installed: install {_LAYER}")


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _writable(subject: str, name: str, knob: str) -> Finding:
    """Whether the file is there and may be written, or may be made; it is not made here."""
    path = ROOT / name
    target = path if path.exists() else path.parent
    if path.is_dir() or not os.access(target, os.W_OK):
        return Finding(subject, "problem", f"the file cannot be written where {knob} says")
    return Finding(subject, "ok", f"written to {Path(name).name}")
