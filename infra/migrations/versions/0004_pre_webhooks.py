"""Webhook endpoints, what is to be delivered to them, and work units that belong to no session.

Kind: pre (safe before the code that uses it). Down: drops the endpoints with what is still owed to them, and the
units without a session.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

CREATE TABLE webhooks (
    workspace  text NOT NULL REFERENCES workspaces (name) ON DELETE CASCADE,
    id         text NOT NULL,
    url        text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, id)
);
-- By hash: an address may be longer than an entry of a B-tree.
CREATE UNIQUE INDEX webhooks_once ON webhooks (workspace, md5(url));

CREATE TABLE webhook_events (
    workspace  text NOT NULL,
    webhook    text NOT NULL,
    seq        bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    id         text NOT NULL,
    type       text NOT NULL,
    data       jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, webhook, seq),
    FOREIGN KEY (workspace, webhook) REFERENCES webhooks (workspace, id) ON DELETE CASCADE
);
COMMENT ON TABLE webhook_events IS 'what an endpoint has not taken yet: rows go with their delivery';

-- A unit of no session has '' there, which no session is called; a reference to nothing is null.
ALTER TABLE work_units ADD COLUMN held_session text GENERATED ALWAYS AS (nullif(session, '')) STORED;
ALTER TABLE work_units DROP CONSTRAINT work_units_workspace_session_fkey;
ALTER TABLE work_units ADD FOREIGN KEY (workspace, held_session) REFERENCES sessions (workspace, name);
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
DELETE FROM work_windows WHERE starts_with(unit, 'webhook:');
DELETE FROM work_items WHERE starts_with(unit, 'webhook:');
DELETE FROM work_units WHERE starts_with(unit, 'webhook:');
ALTER TABLE work_units DROP COLUMN IF EXISTS held_session;
ALTER TABLE work_units ADD FOREIGN KEY (workspace, session) REFERENCES sessions (workspace, name);
DROP TABLE IF EXISTS webhook_events, webhooks;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
