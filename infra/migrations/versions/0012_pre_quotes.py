"""What a conclusion rests on, word for word, and when it happened.

Kind: pre (safe before the code that uses it; constant defaults rewrite no table). Down: drops both.
"""

from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

ALTER TABLE conclusions
    -- When it happened, where that is known; null means when it was said.
    ADD COLUMN event_at    timestamptz,
    -- Where the words it rests on stand: {message_id, start, end}, in characters of the message's text.
    ADD COLUMN quotes      jsonb NOT NULL DEFAULT '[]',
    -- 'verified': quotes were found; 'unverified': one was given and not found; 'none': none was given.
    ADD COLUMN quote_state text NOT NULL DEFAULT 'none';
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE conclusions
    DROP COLUMN IF EXISTS event_at,
    DROP COLUMN IF EXISTS quotes,
    DROP COLUMN IF EXISTS quote_state;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
