"""The tables of what is owed to the vector index. Those of the vectors are made by `shared/vectors/spaces.py`."""

from sqlalchemy import Column, Index, Table, Text

from infra.migrations.columns import METADATA, flags, key, numbers, texts, times, to

Table(
    "vector_removals",
    METADATA,
    *texts("workspace", "conclusion"),
    *times("due_at"),
    key("workspace", "conclusion"),
    to("workspaces", "workspace", "name", "CASCADE"),
    Index("vector_removals_due", "due_at"),
    comment="conclusions that are hidden or gone, whose vectors may still be in the index",
)

Table(
    "vector_copies",
    METADATA,
    *texts("workspace"),
    Column("target", Text(), nullable=False, comment="the store and the embedding space that vectors are copied into"),
    *texts("kind"),
    Column("last", Text(), nullable=False, comment="the id up to which they were copied, in the order of Postgres"),
    *numbers("copied"),
    *flags("is_done"),
    key("workspace", "target", "kind"),
    to("workspaces", "workspace", "name", "CASCADE"),
)
