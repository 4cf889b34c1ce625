"""What must hold between settings. Each breach is the end of one sentence; its beginning is the setting's name."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from pydantic import SecretStr

from shared.settings.knobs import keys_to_knobs, variable_of
from shared.settings.model_rules import Breaches, backups, budgets_too_small, reach, thinking, tool_choices
from shared.settings.reading import Keys
from shared.settings.sections import Settings

Rule = Callable[[Settings], Breaches]

# The widest vector that pgvector can index.
_WIDEST: Final = 3900
_SHORTEST_SECRET: Final = 32
# With what follows it a name has at most 128 characters; of these kinds, in any store.
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_ADDRESSES: Final[dict[Keys, tuple[str, ...]]] = {
    ("db", "connection_uri"): ("postgresql+psycopg://", "postgresql://"),
    ("cache", "url"): ("redis://", "rediss://", "unix://"),
    ("app", "langfuse_host"): ("https://", "http://"),
    ("llm", "anthropic_base_url"): ("https://", "http://"),
    ("llm", "openai_base_url"): ("https://", "http://"),
    ("llm", "gemini_base_url"): ("https://", "http://"),
    ("llm", "groq_base_url"): ("https://", "http://"),
    ("llm", "openai_compatible_base_url"): ("https://", "http://"),
    ("llm", "vllm_base_url"): ("https://", "http://"),
    ("vector_store", "turbopuffer_base_url"): ("https://", "http://"),
    ("telemetry", "endpoint"): ("https://", "http://"),
    ("otel", "exporter_otlp_endpoint"): ("https://", "http://"),
    ("sentry", "dsn"): ("https://", "http://"),
}


def breaches(settings: Settings) -> Iterator[tuple[frozenset[str], Keys, str]]:
    """What does not fit together: the sections concerned, the setting to change, and what to do about it."""
    for sections, rule in _RULES:
        for keys, text in rule(settings):
            yield frozenset({*sections, keys[0]}), keys, text


def concerns(settings: Settings) -> Breaches:
    """What works, but hardly as it was meant."""
    yield from budgets_too_small(settings)
    secret = settings.auth.jwt_secret
    if settings.auth.use_auth and secret is not None and len(secret.get_secret_value()) < _SHORTEST_SECRET:
        text = f"is shorter than {_SHORTEST_SECRET} characters, so that it can be found by guessing."
        yield ("auth", "jwt_secret"), text


def _auth(settings: Settings) -> Breaches:
    if settings.auth.use_auth and settings.auth.jwt_secret is None:
        yield ("auth", "jwt_secret"), "is needed when AUTH_USE_AUTH is true: set it to a long random text."


def _addresses(settings: Settings) -> Breaches:
    for keys, starts in _ADDRESSES.items():
        value = keys_to_knobs()[keys].of(settings)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text is not None and not str(text).startswith(starts):
            yield keys, f"must begin with {' or '.join(starts)}."


def _passwords(settings: Settings) -> Breaches:
    if settings.db.has_two_passwords:
        yield ("db", "password"), "stands beside a password in DB_CONNECTION_URI: take one of them away."


def _vector_store(settings: Settings) -> Breaches:
    store = settings.vector_store
    if store.type == "turbopuffer" and store.turbopuffer_api_key is None:
        yield ("vector_store", "turbopuffer_api_key"), "is needed when VECTOR_STORE_TYPE is turbopuffer: set it."
    if store.type != "pgvector" and not _NAMESPACE.fullmatch(settings.namespace("vector_store")):
        yield ("vector_store", "namespace"), "must be at most 64 letters, digits, dots, hyphens and underscores."
    # Also where another store is chosen: Postgres makes room for each space, and lends it on the way there and back.
    if store.dimensions > _WIDEST:
        yield ("vector_store", "dimensions"), f"must not exceed {_WIDEST}, the most that pgvector can index."
    if store.type == "pgvector" and store.migrated:
        yield ("vector_store", "migrated"), "means nothing with pgvector: leave it out, or set VECTOR_STORE_TYPE."


def _batches(settings: Settings) -> Breaches:
    deriver = settings.deriver
    for key in ("representation_batch_max_tokens", "representation_batch_target_input_tokens"):
        tokens = getattr(deriver, key)
        is_in_force = key != "representation_batch_max_tokens" or deriver.window_tokens == tokens
        if tokens is not None and is_in_force and tokens > deriver.max_input_tokens:
            yield ("deriver", key), "must not exceed DERIVER_MAX_INPUT_TOKENS: lower it, or raise that."
            return


def _cadence(settings: Settings) -> Breaches:
    summary = settings.summary
    if summary.messages_per_short_summary >= summary.messages_per_long_summary:
        text = "must be smaller than SUMMARY_MESSAGES_PER_LONG_SUMMARY: lower it, or raise that."
        yield ("summary", "messages_per_short_summary"), text


def _times(settings: Settings) -> Breaches:
    is_stale = settings.deriver.stale_session_timeout_minutes is not None
    lease: Keys = ("deriver", "stale_session_timeout_minutes") if is_stale else ("queue", "lease_seconds")
    if settings.lease_seconds >= settings.queue.visibility_seconds:
        unit = f"{settings.queue.visibility_seconds} s, " if is_stale else ""
        yield lease, f"must be smaller than {unit}QUEUE_VISIBILITY_SECONDS: lower it, or raise that."
    for section in ("deriver", "summary"):
        if getattr(settings, section).timeout_seconds >= settings.lease_seconds:
            text = f"must be smaller than {variable_of(lease)}, or two workers do the same: lower it, or raise that."
            yield (section, "timeout_seconds"), text


def _embedding(settings: Settings) -> Breaches:
    app = settings.app
    if app.max_embedding_tokens > app.max_embedding_tokens_per_request:
        text = "must not exceed MAX_EMBEDDING_TOKENS_PER_REQUEST: lower it, or raise that."
        yield ("app", "max_embedding_tokens"), text


def _cache(settings: Settings) -> Breaches:
    cache = settings.cache
    if cache.lock_wait_check_interval_seconds >= cache.default_lock_ttl_seconds:
        text = "must be smaller than CACHE_DEFAULT_LOCK_TTL_SECONDS: lower it, or raise that."
        yield ("cache", "lock_wait_check_interval_seconds"), text


def _observability(settings: Settings) -> Breaches:
    if settings.sentry.enabled and settings.sentry.dsn is None:
        yield ("sentry", "dsn"), "is needed when SENTRY_ENABLED is true: set it to the DSN of your project."
    telemetry = settings.telemetry
    if telemetry.enabled and telemetry.endpoint is None:
        yield ("telemetry", "endpoint"), "is needed when TELEMETRY_ENABLED is true: set it to your collector."
    for key in ("batch_size", "flush_threshold"):
        if getattr(telemetry, key) > telemetry.max_buffer_size:
            yield ("telemetry", key), "must not exceed TELEMETRY_MAX_BUFFER_SIZE: lower it, or raise that."


def _langfuse(settings: Settings) -> Breaches:
    keys = ("langfuse_public_key", "langfuse_secret_key")
    missing = [key for key in keys if getattr(settings.app, key) is None]
    if len(missing) == 1:
        other = next(key for key in keys if key not in missing)
        yield ("app", missing[0]), f"goes with {other.upper()}: set both or neither."


def _budgets(settings: Settings) -> Breaches:
    for period in ("day", "month"):
        soft, hard = (getattr(settings.budget, f"{kind}_usd_per_{period}") for kind in ("soft", "hard"))
        if soft is not None and hard is not None and soft > hard:
            text = f"must not exceed BUDGET_HARD_USD_PER_{period.upper()}: lower it, or raise that."
            yield ("budget", f"soft_usd_per_{period}"), text
    if settings.budget.as_budget() and not settings.usage.enabled:
        yield ("usage", "enabled"), "must be true with any BUDGET_ limit: what is not recorded cannot be limited."


_RULES: Final[tuple[tuple[tuple[str, ...], Rule], ...]] = (
    (("auth",), _auth),
    ((), _addresses),
    (("db",), _passwords),
    (("vector_store",), _vector_store),
    (("deriver",), _batches),
    ((), backups),
    (("dialectic",), tool_choices),
    (("llm", "dialectic"), thinking),
    (("summary",), _cadence),
    (("llm",), reach),
    (("queue", "deriver"), _times),
    (("app",), _embedding),
    (("cache",), _cache),
    (("sentry", "telemetry"), _observability),
    (("app",), _langfuse),
    (("budget", "usage"), _budgets),
)
