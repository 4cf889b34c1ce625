"""Sections about the service as a whole: its limits, its keys, its door, and what it tells others."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from shared.domain.spending import Budget, Limit
from shared.settings.section import Count, Section, setting

Money = Annotated[Decimal, Field(ge=0)]


class AppSettings(Section):
    """Limits and switches of the service as a whole."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = setting("INFO", "the least that is logged")
    session_observers_limit: Count = setting(10, "members of a session that may observe others")
    get_context_max_tokens: Annotated[int, Field(ge=1, le=250_000)] = setting(
        100_000, "cap and default of a session's context"
    )
    max_message_size: Count = setting(25_000, "characters of a message, and of each piece of a file")
    max_file_size: Count = setting(5_242_880, "bytes of an upload; more is a 413")
    idempotency_key_hours: Annotated[int, Field(ge=1, le=720)] = setting(
        24, "for how long a repeated Idempotency-Key gives the first answer again"
    )
    embed_messages: bool = setting(True, "false: messages are found by their words only")
    max_embedding_tokens: Count = setting(8192, "tokens of one embedding input; also EMBEDDING_MAX_INPUT_TOKENS")
    max_embedding_tokens_per_request: Count = setting(
        300_000, "tokens of one embedding call; also EMBEDDING_MAX_TOKENS_PER_REQUEST"
    )
    namespace: str = setting("honcho", "inherited by cache, vector_store, metrics and telemetry")
    cors_origins: tuple[str, ...] = setting(
        ("http://localhost", "http://127.0.0.1:8000", "https://api.honcho.dev"),
        "the origins whose pages a browser lets call the API",
    )
    langfuse_host: str | None = setting(None, "where Langfuse is; its own cloud when not set")
    langfuse_public_key: str | None = setting(None, "turns tracing with Langfuse on")
    langfuse_secret_key: SecretStr | None = setting(None, "goes with the public key")
    langfuse_content: bool = setting(False, "also send what users wrote and models answered, not only counts")
    collect_metrics_local: bool = setting(False, "also write metrics as JSON lines to local_metrics_file")
    local_metrics_file: str = setting("metrics.jsonl", "where collect_metrics_local writes")
    reasoning_traces_file: str | None = setting(
        None, "every model call as a JSON line: holds what users wrote, so only where that may be kept"
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


class ApiSettings(Section):
    """The door."""

    docs_enabled: bool = setting(True, "serve /docs, /redoc and /openapi.json")
    max_body_bytes: Annotated[int, Field(ge=1024, le=10_485_760)] = setting(
        10_485_760, "of a request; AWS lets no more through"
    )
    max_waiting: Count = setting(64, "requests that wait at the local door before more are answered 429")
    max_wait_seconds: Annotated[float, Field(gt=0, le=60)] = setting(10.0, "at the local door, before it answers 429")


class AuthSettings(Section):
    """Keys, or none: with `use_auth` off every caller acts as admin."""

    use_auth: bool = setting(False, "ask callers for a key")
    jwt_secret: SecretStr | None = setting(None, "signs the keys; needed with use_auth")
    # New keys are signed with `jwt_secret` only.
    jwt_secret_previous: SecretStr | None = setting(None, "its keys stay valid while a secret is being replaced")


class WebhookSettings(Section):
    """Whether and where events are delivered; without a secret, nowhere."""

    secret: SecretStr | None = setting(None, "signs what is delivered; without one nothing is")
    max_workspace_limit: Count = setting(10, "endpoints of one workspace; more are a 409")
    allow_private: bool = setting(False, "for tests on one machine: lets tenants call your network")


class CanarySettings(Section):
    """A visitor that tells the memory something each time it comes, and looks whether that was learnt."""

    enabled: bool = setting(False, "have it come on this machine, too; on AWS it does, unless the database may sleep")
    minutes: Annotated[int, Field(ge=1, le=60)] = setting(10, "within which what it told must have been learnt")


class OfflineSettings(Section):
    """Whether the rule-based offline model may stand in where no provider is configured."""

    enabled: bool = setting(False, "on by default in the local stack")


class UsageSettings(Section):
    """What is kept about the calls of models."""

    enabled: bool = setting(True, "record model, tokens, time and price of each call")
    prices_file: str | None = setting(None, "prices of models that replace or extend ours")
    retention_days: Annotated[int, Field(ge=32)] = setting(
        400, "for how long single calls are kept; later only the sums of each day are"
    )


class BudgetSettings(Section):
    """What one workspace may spend, in US dollars; not set: no limit. `soft` warns, `hard` makes work wait."""

    soft_usd_per_day: Money | None = setting(None, "one event when a workspace spent this much today (UTC)")
    hard_usd_per_day: Money | None = setting(None, "calls beyond it wait for tomorrow")
    soft_usd_per_month: Money | None = setting(None, "one event when a workspace spent this much this month")
    hard_usd_per_month: Money | None = setting(None, "calls beyond it wait for the next month")

    def as_budget(self) -> Budget:
        """As the rules of spending have it."""
        return Budget(
            Limit(self.soft_usd_per_day, self.hard_usd_per_day), Limit(self.soft_usd_per_month, self.hard_usd_per_month)
        )
