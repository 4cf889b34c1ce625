"""Which embedding space a workspace reads, and which second one it writes while it changes its model.

Kind: pre (safe before the code that uses it). Down: forgets it; workspaces are then read in the space of the settings,
whatever they had.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

CREATE TABLE workspace_spaces (
    workspace         text NOT NULL REFERENCES workspaces (name) ON DELETE CASCADE,
    model             text NOT NULL,
    dimensions        integer NOT NULL,
    second_model      text,
    second_dimensions integer,
    state             text NOT NULL CHECK (state IN ('filling', 'switched', 'leaving', 'settled')),
    conclusions_until text NOT NULL DEFAULT '',
    messages_until    text NOT NULL DEFAULT '',
    is_filled         boolean NOT NULL DEFAULT false,
    filled            bigint NOT NULL DEFAULT 0,
    lapses            bigint NOT NULL DEFAULT 0,
    lapses_before     bigint NOT NULL DEFAULT 0,
    switched_at       timestamptz,
    PRIMARY KEY (workspace),
    CHECK ((state = 'settled') = (second_model IS NULL) AND (second_model IS NULL) = (second_dimensions IS NULL))
) WITH (fillfactor = 50);
COMMENT ON TABLE workspace_spaces IS
    'the embedding spaces of workspaces that have or had to change theirs; others have that of the settings';
COMMENT ON COLUMN workspace_spaces.model IS 'what is read, and always written';
COMMENT ON COLUMN workspace_spaces.second_model IS
    'written, too: the next one while it is filled, then the former one; leaving: being emptied';
COMMENT ON COLUMN workspace_spaces.conclusions_until IS 'the id up to which this pass of filling has come';
COMMENT ON COLUMN workspace_spaces.is_filled IS 'a whole pass is over since lapses were as many as lapses_before';
COMMENT ON COLUMN workspace_spaces.lapses IS 'how often a writer could not write the second space';
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
DROP TABLE IF EXISTS workspace_spaces;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
