"""The tables of what is owed to the vector index. Those of the vectors are made by `shared/vectors/spaces.py`."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP

from infra.migrations.columns import METADATA, column, flags, integers, key, maybe, numbers, texts, times, to

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

Table(
    "workspace_spaces",
    METADATA,
    *texts("workspace"),
    column("model", Text(), "what is read, and always written"),
    *integers("dimensions"),
    Column(
        "second_model",
        Text(),
        comment="written, too: the next one while it is filled, then the former one; leaving: being emptied",
    ),
    *maybe(Integer(), "second_dimensions"),
    *texts("state"),
    column("conclusions_until", Text(), "the id up to which this pass of filling has come"),
    *texts("messages_until"),
    column("is_filled", Boolean(), "a whole pass is over since lapses were as many as lapses_before"),
    *numbers("filled"),
    column("lapses", BigInteger(), "how often a writer could not write the second space"),
    *numbers("lapses_before"),
    *maybe(TIMESTAMP(timezone=True), "switched_at"),
    key("workspace"),
    to("workspaces", "workspace", "name", "CASCADE"),
    comment="the embedding spaces of workspaces that have or had to change theirs; others have that of the settings",
)
