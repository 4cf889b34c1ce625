"""Where a specialist of a dream stands between two turns of its model.

Kind: pre (safe before the code that uses it; a constant default rewrites no table). Down: forgets them, and dreams
under way begin their phase anew.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

ALTER TABLE dreams
    -- How often a phase began anew because what was kept of it did not fit any more.
    ADD COLUMN restarts integer NOT NULL DEFAULT 0;

-- Rewritten with each turn. Postgres compresses the text by itself; as text it can be searched for traces.
CREATE TABLE dream_checkpoints (
    workspace text NOT NULL,
    dream     text NOT NULL,
    phase     text NOT NULL,
    made_by   text NOT NULL,
    run       text NOT NULL,
    saved_at  timestamptz NOT NULL,
    PRIMARY KEY (workspace, dream),
    FOREIGN KEY (workspace, dream) REFERENCES dreams (workspace, id) ON DELETE CASCADE
) WITH (fillfactor = 50);
COMMENT ON TABLE dream_checkpoints IS 'the run under way of each dream, between two turns; gone with its phase';
COMMENT ON COLUMN dream_checkpoints.made_by IS 'fingerprint of prompt, tools and model: another cannot go on with it';
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
DROP TABLE IF EXISTS dream_checkpoints;
ALTER TABLE dreams DROP COLUMN IF EXISTS restarts;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
