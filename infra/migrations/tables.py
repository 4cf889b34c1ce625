"""The tables as the revisions leave them, for `alembic check` and `alembic revision --autogenerate` only.

Whatever Alembic does not compare (checks, defaults, storage, functions) is said in the revisions alone.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

# Some of the tables stand in modules of their own.
from infra.migrations import dream_tables as dream_tables
from infra.migrations import usage_tables as usage_tables
from infra.migrations import vector_tables as vector_tables
from infra.migrations.columns import LIVE as _LIVE
from infra.migrations.columns import MAYBE_TIME as _MAYBE_TIME
from infra.migrations.columns import METADATA as METADATA
from infra.migrations.columns import column as _column
from infra.migrations.columns import flags as _flags
from infra.migrations.columns import integers as _integers
from infra.migrations.columns import key as _key
from infra.migrations.columns import lists as _lists
from infra.migrations.columns import maybe as _maybe
from infra.migrations.columns import numbers as _numbers
from infra.migrations.columns import objects as _objects
from infra.migrations.columns import texts as _text
from infra.migrations.columns import times as _times
from infra.migrations.columns import to as _to

_SCOPES = text("starts_with(name, 'scope.'::text)")

Table(
    "workspaces",
    METADATA,
    *_text("name", "uid"),
    *_objects("metadata", "configuration"),
    *_times("created_at"),
    _key("name"),
    Index("workspaces_by_age", "created_at", "name"),
)

Table(
    "peers",
    METADATA,
    *_text("workspace", "name", "uid"),
    *_objects("metadata", "configuration"),
    *_times("created_at"),
    _column("is_active", Boolean(), "false while the peer is being erased: nothing is written for it any more"),
    _key("workspace", "name"),
    _to("workspaces", "workspace", "name"),
    Index("peers_by_age", "workspace", "created_at", "name"),
    Index("peers_scopes", "workspace", "created_at", "name", postgresql_where=_SCOPES),
)

Table(
    "sessions",
    METADATA,
    *_text("workspace", "name", "uid"),
    *_flags("is_active"),
    *_numbers("last_seq"),
    *_objects("metadata", "configuration"),
    *_times("created_at"),
    _key("workspace", "name"),
    _to("workspaces", "workspace", "name"),
    Index("sessions_by_age", "workspace", "created_at", "name"),
)

Table(
    "members",
    METADATA,
    *_text("workspace", "session", "peer"),
    *_maybe(Boolean(), "observe_me", "observe_others"),
    *_times("joined_at"),
    *_maybe(_MAYBE_TIME, "left_at"),
    _key("workspace", "session", "peer"),
    _to("sessions", "workspace, session", "workspace, name"),
    _to("peers", "workspace, peer", "workspace, name"),
    Index("members_by_peer", "workspace", "peer", "session"),
)

Table(
    "messages",
    METADATA,
    *_text("workspace", "session"),
    *_numbers("seq"),
    *_text("id", "peer", "content"),
    *_integers("token_count"),
    *_objects("metadata"),
    *_maybe(JSONB(), "configuration"),
    _column("is_reasoned", Boolean(), "the deriver may read it: reasoning was on and its author observed"),
    *_times("created_at"),
    Column("internal", JSONB(), comment="facts about the message that clients are not shown: the file it came in"),
    _key("workspace", "session", "seq"),
    UniqueConstraint("workspace", "id"),
    _to("sessions", "workspace, session", "workspace, name"),
    _to("peers", "workspace, peer", "workspace, name"),
    Index("messages_by_peer", "workspace", "peer", "created_at"),
    Index("messages_by_age", "workspace", text("created_at DESC"), text("seq DESC")),
    Index(
        "messages_by_metadata",
        "metadata",
        postgresql_using="gin",
        postgresql_ops={"metadata": "jsonb_path_ops"},
    ),
)

Table(
    "conclusions",
    METADATA,
    *_text("workspace", "id", "observer", "observed"),
    *_maybe(Text(), "session"),
    *_text("level", "content", "content_hash", "quote_state"),
    _column("is_derived", Boolean(), "concluded by a worker, and so unique by content; false for those a client wrote"),
    *_integers("times_derived"),
    *_lists("source_ids", "message_ids", "premises"),
    *_objects("metadata", "quotes"),
    *_times("occurred_at", "created_at"),
    *_maybe(_MAYBE_TIME, "event_at", "indexed_at", "deleted_at"),
    _column("index_attempts", Integer(), "how often its text or vector was refused"),
    Column("index_due_at", _MAYBE_TIME, comment="until then it is not tried again; null when it was never refused"),
    Column("trace_id", Text(), comment="the trace of the request that caused it to be concluded first"),
    Column(
        "copied_from",
        Text(),
        comment="the member's conclusion that a scope has this one from; null for what was concluded in place",
    ),
    _key("workspace", "id"),
    _to("workspaces", "workspace", "name"),
    _to("peers", "workspace, observer", "workspace, name"),
    _to("peers", "workspace, observed", "workspace, name"),
    _to("sessions", "workspace, session", "workspace, name"),
    Index(
        "conclusions_once",
        *("workspace", "observer", "observed", "level"),
        text("(COALESCE(session, ''::text))"),
        "content_hash",
        unique=True,
        postgresql_where=text("is_derived AND deleted_at IS NULL"),
    ),
    Index(
        "conclusions_newest",
        *("workspace", "observer", "observed", text("created_at DESC"), "id"),
        postgresql_where=_LIVE,
    ),
    Index(
        "conclusions_most_derived",
        *("workspace", "observer", "observed", text("times_derived DESC"), text("created_at DESC"), "id"),
        postgresql_where=_LIVE,
    ),
    Index("conclusions_by_age", "workspace", text("created_at DESC"), "id", postgresql_where=_LIVE),
    Index("conclusions_by_source", "source_ids", postgresql_using="gin"),
    *(Index(f"conclusions_by_{one}", "workspace", one) for one in ("observer", "observed")),
    Index("conclusions_by_session", "workspace", "session", postgresql_where=text("session IS NOT NULL")),
    Index("conclusions_unindexed", "created_at", postgresql_where=text("indexed_at IS NULL AND deleted_at IS NULL")),
    Index(
        "conclusions_copied_once",
        *("workspace", "copied_from", "observer"),
        unique=True,
        postgresql_where=text("copied_from IS NOT NULL"),
    ),
)

Table(
    "scope_backfills",
    METADATA,
    *_text("workspace", "scope", "session"),
    Column("copied", Integer(), comment="how many were taken over; null while that is under way"),
    *_times("updated_at"),
    _key("workspace", "scope", "session"),
    _to("peers", "workspace, scope", "workspace, name", "CASCADE"),
    _to("sessions", "workspace, session", "workspace, name", "CASCADE"),
    Index("scope_backfills_by_session", "workspace", "session"),
    comment="the sessions whose earlier conclusions a scope takes over",
)

Table(
    "peer_cards",
    METADATA,
    *_text("workspace", "observer", "observed"),
    *_lists("entries"),
    *_integers("version"),
    *_times("updated_at"),
    _key("workspace", "observer", "observed"),
    _to("peers", "workspace, observer", "workspace, name"),
    Index("peer_cards_by_observed", "workspace", "observed"),
)

Table(
    "summaries",
    METADATA,
    *_text("workspace", "session", "kind", "content", "message_id"),
    *_numbers("covered_seq"),
    *_integers("token_count"),
    *_times("created_at"),
    *_maybe(Text(), "trace_id"),
    _key("workspace", "session", "kind"),
    _to("sessions", "workspace, session", "workspace, name"),
)

Table(
    "work_units",
    METADATA,
    *_text("workspace", "unit", "kind", "session", "observed"),
    *_numbers("wake_no"),
    _column("is_woken", Boolean(), "a wake-up is owed or under way: set by who decides it, cleared by the claim"),
    *_flags("is_flushed"),
    Column(
        "sent_at",
        _MAYBE_TIME,
        comment="when wake-up wake_no was handed to the queue; null while it is owed (the outbox)",
    ),
    Column("due_at", _MAYBE_TIME, comment="when tick looks at the unit again; null only when nothing is pending"),
    *_integers("pending_items"),
    *_numbers("pending_tokens", "done_items", "parked_items"),
    *_integers("attempts", "failures"),
    *_maybe(Text(), "error", "token"),
    *_maybe(_MAYBE_TIME, "lease_until"),
    *_maybe(BigInteger(), "window_first", "window_last"),
    *_integers("window_items"),
    *_maybe(Text(), "answer"),
    Column(
        "stopped_usd", Numeric(), comment="what the budget had no room for; null when that is not what it waits for"
    ),
    Column("held_session", Text(), Computed("NULLIF(session, ''::text)", persisted=True)),
    _key("workspace", "unit"),
    _to("sessions", "workspace, held_session", "workspace, name"),
    Index("work_units_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("work_units_by_session", "workspace", "session"),
    Index("work_units_stopped", "workspace", postgresql_where=text("stopped_usd IS NOT NULL")),
)

Table(
    "work_items",
    METADATA,
    *_text("workspace", "unit"),
    *_numbers("seq", "first_seq"),
    *_text("message_id"),
    *_numbers("tokens"),
    *_lists("observers"),
    *_maybe(Text(), "custom_instructions"),
    *_text("state"),
    *_integers("attempts"),
    *_maybe(Text(), "error"),
    *_times("created_at"),
    *_maybe(_MAYBE_TIME, "finished_at"),
    Column("traceparent", Text(), comment="the request that planned it, as W3C Trace Context writes it"),
    _key("workspace", "unit", "seq"),
    _to("work_units", "workspace, unit", "workspace, unit"),
    Index("work_items_pending", "workspace", "unit", "seq", postgresql_where=text("state = 'pending'")),
    Index("work_items_parked", "workspace", "finished_at", postgresql_where=text("state = 'parked'")),
    Index(
        "work_items_unindexed",
        "workspace",
        text("created_at DESC"),
        postgresql_where=text("state = 'pending' AND starts_with(unit, 'index:')"),
    ),
)

Table(
    "work_windows",
    METADATA,
    *_text("workspace", "unit"),
    *_numbers("first_seq", "last_seq"),
    *_integers("items"),
    *_text("token", "model"),
    *_integers("input_tokens", "output_tokens", "conclusions"),
    *_times("committed_at"),
    Column("run", Text(), comment="its calls are the rows of model_calls with this run"),
    _key("workspace", "unit", "first_seq"),
    _to("work_units", "workspace, unit", "workspace, unit"),
)

Table(
    "embedding_spaces",
    METADATA,
    *_text("name", "model"),
    *_integers("dimensions"),
    *_times("created_at"),
    _key("name"),
    UniqueConstraint("model", "dimensions"),
)

Table(
    "message_search",
    METADATA,
    *_text("workspace", "message_id"),
    _column("document", TSVECTOR()),
    _key("workspace", "message_id"),
    _to("messages", "workspace, message_id", "workspace, id", "CASCADE"),
    Index("message_search_document", "document", postgresql_using="gin"),
)

Table(
    "term_stats",
    METADATA,
    *_text("workspace", "term"),
    _column("df", BigInteger(), "messages of the workspace that say the term or were said by someone of that name"),
    _key("workspace", "term"),
    _to("workspaces", "workspace", "name", "CASCADE"),
)

Table(
    "search_totals",
    METADATA,
    *_text("workspace"),
    *_numbers("documents", "lexemes"),
    _key("workspace"),
    _to("workspaces", "workspace", "name", "CASCADE"),
)

Table(
    "webhooks",
    METADATA,
    *_text("workspace", "id", "url"),
    *_times("created_at"),
    _key("workspace", "id"),
    _to("workspaces", "workspace", "name", "CASCADE"),
    Index("webhooks_once", "workspace", text("md5(url)"), unique=True),
)

Table(
    "webhook_events",
    METADATA,
    *_text("workspace", "webhook"),
    Column("seq", BigInteger(), Identity(always=True), nullable=False),
    *_text("id", "type"),
    *_objects("data"),
    *_times("created_at"),
    _key("workspace", "webhook", "seq"),
    _to("webhooks", "workspace, webhook", "workspace, id", "CASCADE"),
    comment="what an endpoint has not taken yet: rows go with their delivery",
)

Table(
    "wake_floor",
    METADATA,
    *_flags("is_only"),
    *_numbers("number"),
    _key("is_only"),
    comment="the highest wake-up number of any unit that was deleted: new units count on from it",
)

Table(
    "tick_timer",
    METADATA,
    *_flags("is_only"),
    Column("armed_for", _MAYBE_TIME, comment="what the schedule is set to, or about to be; null: no visit is ordered"),
    _column("visited_at", _MAYBE_TIME, "what was due until then has been looked at"),
    _key("is_only"),
    comment="one row: the next visit that is ordered, where tick does not come at a rate",
)

Table("revoked_keys", METADATA, *_text("key_id"), *_times("revoked_at"), _key("key_id"))

Table(
    "idempotency_keys",
    METADATA,
    *_text("workspace", "caller", "key", "fingerprint", "token"),
    *_times("lease_until", "expires_at"),
    *_maybe(Integer(), "status"),
    *_maybe(Text(), "body"),
    *_lists("mentions"),
    _key("workspace", "caller", "key"),
    Index("idempotency_keys_expiry", "expires_at"),
    Index("idempotency_keys_mentions", "mentions", postgresql_using="gin"),
)

Table(
    "unanswered_batches",
    METADATA,
    *_text("workspace", "session", "fingerprint", "run"),
    *_lists("message_ids"),
    *_times("lease_until", "expires_at", "created_at"),
    _key("workspace", "session", "fingerprint", "run"),
    _to("sessions", "workspace, session", "workspace, name", "CASCADE"),
)
