"""The tables of dreams."""

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, Integer, Table, Text, UniqueConstraint, text

from infra.migrations.columns import (
    MAYBE_TIME,
    METADATA,
    column,
    flags,
    integers,
    key,
    lists,
    maybe,
    numbers,
    texts,
    times,
    to,
)

Table(
    "collections",
    METADATA,
    *texts("workspace", "observer", "observed"),
    column("concluded", BigInteger(), "explicit conclusions ever saved; deleting some does not count back"),
    column("dreamt", BigInteger(), "how many of these were there when the last successful dream began"),
    column("failures", Integer(), "dreams begun since the last successful one"),
    *maybe(MAYBE_TIME, "last_dream_at"),
    Column("not_before", MAYBE_TIME, comment="until then no dream begins by itself: one was there, or failed"),
    Column("due_at", MAYBE_TIME, comment="when tick lets it dream; null when nothing calls for it"),
    key("workspace", "observer", "observed"),
    to("workspaces", "workspace", "name", "CASCADE"),
    Index("collections_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("collections_waiting", "workspace", "observed", postgresql_where=text("due_at IS NOT NULL")),
)

Table(
    "dreams",
    METADATA,
    *texts("workspace", "observer", "observed"),
    column("number", BigInteger(), "its item in the work unit of the collection"),
    *texts("id", "kind", "cause"),
    *maybe(Text(), "session"),
    *flags("is_rebuild"),
    column("phase", Text(), "what comes next; earlier phases are committed"),
    Column("concluded", BigInteger(), comment="collections.concluded when it began"),
    *numbers("input_tokens", "output_tokens"),
    *times("requested_at"),
    *maybe(MAYBE_TIME, "begun_at", "finished_at"),
    # How often a phase began anew because what was kept of it did not fit any more.
    *integers("restarts"),
    *maybe(Text(), "trace_id"),
    column("is_whole", Boolean(), "all that it changed is recorded; false for dreams of earlier releases"),
    *maybe(MAYBE_TIME, "undone_at"),
    key("workspace", "id"),
    UniqueConstraint("workspace", "observer", "observed", "number"),
    to("collections", "workspace, observer, observed", "workspace, observer, observed", "CASCADE"),
    Index("dreams_by_age", "workspace", text("requested_at DESC"), "id"),
)

Table(
    "dream_changes",
    METADATA,
    *texts("workspace", "dream"),
    *integers("place"),
    *texts("action"),
    *maybe(Text(), "conclusion"),
    Column("successor", Text(), comment="the conclusion that a superseded one gave way to"),
    *maybe(Text(), "line", "reason"),
    *lists("source_ids"),
    *times("changed_at"),
    Column(
        "seq",
        BigInteger(),
        Identity(always=True),
        nullable=False,
        comment="in which order changes of one collection were made",
    ),
    Column("was_at", Integer(), comment="the place of the line on the card before; null when it was not there"),
    Column("is_at", Integer(), comment="the place of the line on the card afterwards; null when it is not there"),
    *flags("is_undone"),
    key("workspace", "dream", "place"),
    to("dreams", "workspace, dream", "workspace, id", "CASCADE"),
    Index("dream_changes_by_conclusion", "workspace", "conclusion", postgresql_where=text("conclusion IS NOT NULL")),
    Index("dream_changes_by_successor", "workspace", "successor", postgresql_where=text("successor IS NOT NULL")),
    Index("dream_changes_by_source", "source_ids", postgresql_using="gin"),
    comment="what each dream did, so that it can be shown; texts of conclusions stay in theirs",
)

Table(
    "dream_formers",
    METADATA,
    *texts("workspace", "dream"),
    *integers("place"),
    *texts("conclusion"),
    *integers("times_derived"),
    *times("occurred_at"),
    *lists("source_ids", "message_ids", "premises"),
    key("workspace", "dream", "place"),
    to("dream_changes", "workspace, dream, place", "workspace, dream, place", "CASCADE"),
    Index("dream_formers_by_source", "source_ids", postgresql_using="gin"),
    Index("dream_formers_by_message", "message_ids", postgresql_using="gin"),
    comment="what a dream has changed of conclusions that stay, as it was before the change",
)

Table(
    "dream_checkpoints",
    METADATA,
    *texts("workspace", "dream", "phase"),
    column("made_by", Text(), "fingerprint of prompt, tools and model: another cannot go on with it"),
    *texts("run"),
    *times("saved_at"),
    key("workspace", "dream"),
    to("dreams", "workspace, dream", "workspace, id", "CASCADE"),
    comment="the run under way of each dream, between two turns; gone with its phase",
)
