"""What lets a request come twice: keys of requests with their answers, and batches whose answer is not out yet.

Kind: pre (safe before the code that uses it). Down: forgets both; a retry across it is a new request.

A key is claimed before its workspace need exist, so it refers to none; the purge of workspaces finds the table by its
column. `status` and `body` are written with the effect and null until then; `mentions` names what the answer shows,
each as `<workspace>/<kind>/<name>`, so that forgetting finds it. A row of `unanswered_batches` lives from the commit
of a batch without a key to the moment its answer goes out.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

CREATE TABLE idempotency_keys (
    workspace   text NOT NULL,
    caller      text NOT NULL,
    key         text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    fingerprint text NOT NULL,
    token       text NOT NULL,
    lease_until timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    status      integer,
    body        text,
    mentions    text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (workspace, caller, key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
CREATE INDEX idempotency_keys_mentions ON idempotency_keys USING gin (mentions);

CREATE TABLE unanswered_batches (
    workspace   text NOT NULL,
    session     text NOT NULL,
    fingerprint text NOT NULL,
    run         text NOT NULL,
    message_ids text[] NOT NULL,
    lease_until timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace, session, fingerprint, run),
    FOREIGN KEY (workspace, session) REFERENCES sessions (workspace, name) ON DELETE CASCADE
) WITH (fillfactor = 50);
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
DROP TABLE IF EXISTS unanswered_batches;
DROP TABLE IF EXISTS idempotency_keys;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
