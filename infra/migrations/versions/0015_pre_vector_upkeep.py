"""What is still owed to the vector index: removals, another try for what it refused, copies into another store.

Kind: pre (safe before the code that uses it; a constant default rewrites no table). Down: forgets the copies and the
removals; vectors of what is hidden may stay behind, where no answer shows them.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

ALTER TABLE conclusions
    ADD COLUMN index_attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN index_due_at   timestamptz;
COMMENT ON COLUMN conclusions.index_attempts IS 'how often its text or vector was refused';
COMMENT ON COLUMN conclusions.index_due_at IS 'until then it is not tried again; null when it was never refused';

CREATE TABLE vector_removals (
    workspace  text NOT NULL REFERENCES workspaces (name) ON DELETE CASCADE,
    conclusion text NOT NULL,
    due_at     timestamptz NOT NULL,
    PRIMARY KEY (workspace, conclusion)
);
COMMENT ON TABLE vector_removals IS 'conclusions that are hidden or gone, whose vectors may still be in the index';
CREATE INDEX vector_removals_due ON vector_removals (due_at);

-- Hidden before anybody took their vectors out.
INSERT INTO vector_removals (workspace, conclusion, due_at)
SELECT workspace, id, now() FROM conclusions WHERE deleted_at IS NOT NULL;

CREATE TABLE vector_copies (
    workspace  text NOT NULL REFERENCES workspaces (name) ON DELETE CASCADE,
    target     text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('conclusions', 'messages')),
    last       text NOT NULL,
    copied     bigint NOT NULL,
    is_done    boolean NOT NULL,
    PRIMARY KEY (workspace, target, kind)
);
COMMENT ON COLUMN vector_copies.target IS 'the store and the embedding space that vectors are copied into';
COMMENT ON COLUMN vector_copies.last IS 'the id up to which they were copied, in the order of Postgres';
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
DROP TABLE IF EXISTS vector_copies, vector_removals;
ALTER TABLE conclusions
    DROP COLUMN IF EXISTS index_attempts,
    DROP COLUMN IF EXISTS index_due_at;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
