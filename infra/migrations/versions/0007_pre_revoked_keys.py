"""Keys that are no longer valid though their signature is.

Kind: pre (safe before the code that uses it). Down: forgets which keys were revoked.

The only table of clients' affairs without a workspace: an admin's key belongs to none, and a key is known by its id.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

CREATE TABLE revoked_keys (
    key_id     text PRIMARY KEY CHECK (char_length(key_id) BETWEEN 1 AND 512),
    revoked_at timestamptz NOT NULL
);
"""

DOWN = "DROP TABLE IF EXISTS revoked_keys"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
