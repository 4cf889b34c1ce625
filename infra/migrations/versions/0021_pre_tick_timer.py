"""For when tick is ordered, where it does not come at a rate.

Kind: pre (safe before the code that uses it). Down: forgets it; the next writer orders a visit anew.
"""

from alembic import op

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

CREATE TABLE tick_timer (
    is_only    boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    armed_for  timestamptz,
    visited_at timestamptz NOT NULL DEFAULT to_timestamp(0)
) WITH (fillfactor = 50);
COMMENT ON TABLE tick_timer IS 'one row: the next visit that is ordered, where tick does not come at a rate';
COMMENT ON COLUMN tick_timer.armed_for IS 'what the schedule is set to, or about to be; null: no visit is ordered';
COMMENT ON COLUMN tick_timer.visited_at IS 'what was due until then has been looked at';
INSERT INTO tick_timer DEFAULT VALUES;
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
DROP TABLE IF EXISTS tick_timer;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
