"""Sections about what can be seen from outside: metrics, events, traces, errors. Never what users wrote."""

from typing import Annotated

from pydantic import Field, SecretStr

from shared.settings.section import Section, Share, setting


class MetricsSettings(Section):
    """Whether GET /metrics answers."""

    enabled: bool = setting(False, "404 when false")
    namespace: str | None = setting(None, "a label of every series; [app] namespace when not set")


class TelemetrySettings(Section):
    """CloudEvents about what happened, sent to an endpoint of yours; there is none by default."""

    enabled: bool = setting(False, "needs an endpoint")
    endpoint: str | None = setting(None, "takes a POST of CloudEvents")
    headers: dict[str, SecretStr] | None = setting(None, "sent along, as a JSON object: a key, for instance")
    batch_size: Annotated[int, Field(ge=1, le=1000)] = setting(100, "events of one request")
    flush_interval_seconds: Annotated[float, Field(gt=0, le=60)] = setting(1.0, "after which they are sent")
    flush_threshold: Annotated[int, Field(ge=1, le=1000)] = setting(50, "from which on they are sent at once")
    max_retries: Annotated[int, Field(ge=1, le=10)] = setting(3, "attempts to send a batch")
    max_buffer_size: Annotated[int, Field(ge=1, le=100_000)] = setting(
        10_000, "events that wait; the oldest is dropped"
    )
    namespace: str | None = setting(None, "part of each event's source; [app] namespace when not set")
    high_volume_sample_rate: Share = setting(1.0, "share of the most frequent kinds of events that is sent")


class OtelSettings(Section):
    """Traces over OTLP; the standard OTEL_ variables of the SDK count too."""

    enabled: bool = setting(False, "whether spans are exported")
    exporter_otlp_endpoint: str | None = setting(None, "of the collector; http://localhost:4318 when not set")
    exporter_otlp_headers: SecretStr | None = setting(None, "name=value pairs with commas between them")
    service_name: str = setting("honcho", "the name that traces show")


class SentrySettings(Section):
    """Errors that a person must look at, sent to Sentry."""

    enabled: bool = setting(False, "needs a DSN")
    dsn: SecretStr | None = setting(None, "of the project")
    release: str | None = setting(None, "the version of the service when not set")
    environment: str = setting("development", "as the project names it")
    traces_sample_rate: Share = setting(0.1, "share of requests whose timing is sent")
    profiles_sample_rate: Share = setting(0.1, "share of those that are profiled")
