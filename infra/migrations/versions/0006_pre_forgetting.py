"""What forgetting leaves behind, and what a message came in.

Kind: pre (safe before the code that uses it). Down: drops both.

A unit that is made anew under the key of one that was deleted must not count its wake-ups from 1 again: the queue
takes them for those it has seen minutes ago. So the deleted numbers leave one behind, the highest, for all units.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

CREATE TABLE wake_floor (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    number  bigint NOT NULL
);
COMMENT ON TABLE wake_floor IS 'the highest wake-up number of any unit that was deleted: new units count on from it';
INSERT INTO wake_floor (number) VALUES (0);

ALTER TABLE messages ADD COLUMN internal jsonb;
COMMENT ON COLUMN messages.internal IS 'facts about the message that clients are not shown: the file it came in';
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE messages DROP COLUMN IF EXISTS internal;
DROP TABLE IF EXISTS wake_floor;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
