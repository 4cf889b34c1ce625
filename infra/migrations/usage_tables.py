"""The tables of the books: what calls of models cost, and what may be spent."""

from sqlalchemy import Column, Date, Index, Numeric, Table, Text

from infra.migrations.columns import METADATA, column, key, maybe, numbers, texts, times

_COUNTED = ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "thinking_tokens", "latency_ms")

Table(
    "model_calls",
    METADATA,
    *texts("workspace", "id"),
    column("run", Text(), "what the call was part of: work_windows.run, or a question to the dialectic"),
    *times("at"),
    *texts("feature", "provider", "model", "outcome"),
    *maybe(Text(), "error"),
    *numbers(*_COUNTED),
    Column("usd", Numeric(), comment="what it cost; null when the model has no price"),
    key("workspace", "id"),
    Index("model_calls_by_age", "workspace", "at"),
    Index("model_calls_oldest", "at"),
    Index("model_calls_by_run", "workspace", "run"),
)

Table(
    "usage_days",
    METADATA,
    *texts("workspace"),
    column("day", Date()),
    *texts("feature", "provider", "model"),
    *numbers("calls", "failed_calls", "unpriced_calls", *_COUNTED),
    column("usd", Numeric()),
    key("workspace", "day", "feature", "provider", "model"),
    comment="what is left of calls that are too old to be kept one by one",
)

Table(
    "budgets",
    METADATA,
    *texts("workspace"),
    *maybe(Numeric(), "soft_per_day", "hard_per_day", "soft_per_month", "hard_per_month"),
    *times("updated_at"),
    key("workspace"),
    comment="in place of the settings of the server; all null means no limit",
)

Table(
    "spending",
    METADATA,
    *texts("workspace"),
    column("day", Date()),
    column("day_usd", Numeric()),
    column("month", Date()),
    column("month_usd", Numeric()),
    column("reserved_usd", Numeric()),
    Column("last_call", Text(), comment="the call that got the last reservation"),
    Column("day_told", Text(), comment="the call that reached the soft limit of the day; null while none has"),
    *maybe(Text(), "month_told"),
    key("workspace"),
)

Table(
    "reservations",
    METADATA,
    *texts("workspace", "id"),
    column("usd", Numeric()),
    *times("expires_at"),
    key("workspace", "id"),
    Index("reservations_expiry", "expires_at"),
    comment="calls under way, at the most they can cost",
)
