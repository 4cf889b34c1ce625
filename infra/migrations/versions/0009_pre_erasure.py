"""Peers that are being erased, and ways to all that is known of one peer.

Kind: pre (safe before the code that uses it). Down: drops both; an erasure under way is forgotten with its unit.

The indexes of conclusions that were there know only live ones of known observers.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

ALTER TABLE peers ADD COLUMN is_active boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN peers.is_active IS 'false while the peer is being erased: nothing is written for it any more';

CREATE INDEX conclusions_by_observer ON conclusions (workspace, observer);
CREATE INDEX conclusions_by_observed ON conclusions (workspace, observed);
CREATE INDEX peer_cards_by_observed ON peer_cards (workspace, observed);
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
DELETE FROM work_items WHERE starts_with(unit, 'erase:');
DELETE FROM work_units WHERE starts_with(unit, 'erase:');
DROP INDEX IF EXISTS peer_cards_by_observed, conclusions_by_observed, conclusions_by_observer;
ALTER TABLE peers DROP COLUMN IF EXISTS is_active;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
