"""Scopes: what was copied into them, how far that is, and lists of them.

Kind: pre (safe before the code that uses it). Down: drops the record of copies; the copies stay conclusions.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

ALTER TABLE conclusions ADD COLUMN copied_from text;
COMMENT ON COLUMN conclusions.copied_from IS
    'the member''s conclusion that a scope has this one from; null for what was concluded in place';
-- Deleted copies count: what somebody deleted from a scope is not copied again.
CREATE UNIQUE INDEX conclusions_copied_once ON conclusions (workspace, copied_from, observer)
    WHERE copied_from IS NOT NULL;

CREATE TABLE scope_backfills (
    workspace  text NOT NULL,
    scope      text NOT NULL,
    session    text NOT NULL,
    copied     integer,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, scope, session),
    FOREIGN KEY (workspace, scope) REFERENCES peers (workspace, name) ON DELETE CASCADE,
    FOREIGN KEY (workspace, session) REFERENCES sessions (workspace, name) ON DELETE CASCADE
);
COMMENT ON TABLE scope_backfills IS 'the sessions whose earlier conclusions a scope takes over';
COMMENT ON COLUMN scope_backfills.copied IS 'how many were taken over; null while that is under way';
CREATE INDEX scope_backfills_by_session ON scope_backfills (workspace, session);

CREATE INDEX peers_scopes ON peers (workspace, created_at, name) WHERE starts_with(name, 'scope.');
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
DROP INDEX IF EXISTS peers_scopes, conclusions_copied_once;
DROP TABLE IF EXISTS scope_backfills;
DELETE FROM work_windows WHERE starts_with(unit, 'scope:');
DELETE FROM work_items WHERE starts_with(unit, 'scope:');
DELETE FROM work_units WHERE starts_with(unit, 'scope:');
ALTER TABLE conclusions DROP COLUMN IF EXISTS copied_from;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
