"""The first tables: workspaces to conclusions, and the work on them.

Kind: pre (safe before the code that uses it). Down: drops everything it made.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

CREATE TABLE workspaces (
    name          text PRIMARY KEY CHECK (char_length(name) BETWEEN 1 AND 512),
    uid           text NOT NULL,
    metadata      jsonb NOT NULL DEFAULT '{}',
    configuration jsonb NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX workspaces_by_age ON workspaces (created_at, name);

CREATE TABLE peers (
    workspace     text NOT NULL REFERENCES workspaces (name),
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 512),
    uid           text NOT NULL,
    metadata      jsonb NOT NULL DEFAULT '{}',
    configuration jsonb NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace, name)
);
CREATE INDEX peers_by_age ON peers (workspace, created_at, name);

CREATE TABLE sessions (
    workspace     text NOT NULL REFERENCES workspaces (name),
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 512),
    uid           text NOT NULL,
    is_active     boolean NOT NULL DEFAULT true,
    last_seq      bigint NOT NULL DEFAULT 0,
    metadata      jsonb NOT NULL DEFAULT '{}',
    configuration jsonb NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace, name)
) WITH (fillfactor = 70);
CREATE INDEX sessions_by_age ON sessions (workspace, created_at, name);

CREATE TABLE members (
    workspace      text NOT NULL,
    session        text NOT NULL,
    peer           text NOT NULL,
    observe_me     boolean,
    observe_others boolean,
    joined_at      timestamptz NOT NULL DEFAULT now(),
    left_at        timestamptz,
    PRIMARY KEY (workspace, session, peer),
    FOREIGN KEY (workspace, session) REFERENCES sessions (workspace, name),
    FOREIGN KEY (workspace, peer) REFERENCES peers (workspace, name)
);
CREATE INDEX members_by_peer ON members (workspace, peer, session);

CREATE TABLE messages (
    workspace     text NOT NULL,
    session       text NOT NULL,
    seq           bigint NOT NULL,
    id            text NOT NULL,
    peer          text NOT NULL,
    content       text NOT NULL,
    token_count   integer NOT NULL,
    metadata      jsonb NOT NULL DEFAULT '{}',
    configuration jsonb,
    is_reasoned   boolean NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace, session, seq),
    UNIQUE (workspace, id),
    FOREIGN KEY (workspace, session) REFERENCES sessions (workspace, name),
    FOREIGN KEY (workspace, peer) REFERENCES peers (workspace, name)
);
COMMENT ON COLUMN messages.is_reasoned IS 'the deriver may read it: reasoning was on and its author observed';
CREATE INDEX messages_by_peer ON messages (workspace, peer, created_at);

CREATE TABLE conclusions (
    workspace     text NOT NULL REFERENCES workspaces (name),
    id            text NOT NULL,
    observer      text NOT NULL,
    observed      text NOT NULL,
    session       text,
    level         text NOT NULL CHECK (level IN ('explicit', 'deductive', 'inductive', 'contradiction')),
    content       text NOT NULL,
    content_hash  text NOT NULL,
    is_derived    boolean NOT NULL,
    times_derived integer NOT NULL DEFAULT 1,
    source_ids    text[] NOT NULL DEFAULT '{}',
    message_ids   text[] NOT NULL DEFAULT '{}',
    premises      text[] NOT NULL DEFAULT '{}',
    metadata      jsonb NOT NULL DEFAULT '{}',
    occurred_at   timestamptz NOT NULL,
    created_at    timestamptz NOT NULL,
    indexed_at    timestamptz,
    deleted_at    timestamptz,
    PRIMARY KEY (workspace, id),
    FOREIGN KEY (workspace, observer) REFERENCES peers (workspace, name),
    FOREIGN KEY (workspace, observed) REFERENCES peers (workspace, name),
    FOREIGN KEY (workspace, session) REFERENCES sessions (workspace, name)
);
COMMENT ON COLUMN conclusions.is_derived IS
    'concluded by a worker, and so unique by content; false for those a client wrote';
CREATE UNIQUE INDEX conclusions_once ON conclusions
    (workspace, observer, observed, level, (coalesce(session, '')), content_hash)
    WHERE is_derived AND deleted_at IS NULL;
CREATE INDEX conclusions_newest ON conclusions (workspace, observer, observed, created_at DESC, id)
    WHERE deleted_at IS NULL;
CREATE INDEX conclusions_most_derived ON conclusions
    (workspace, observer, observed, times_derived DESC, created_at DESC, id)
    WHERE deleted_at IS NULL;
CREATE INDEX conclusions_by_age ON conclusions (workspace, created_at DESC, id) WHERE deleted_at IS NULL;
CREATE INDEX conclusions_by_source ON conclusions USING gin (source_ids);
CREATE INDEX conclusions_by_session ON conclusions (workspace, session) WHERE session IS NOT NULL;
CREATE INDEX conclusions_unindexed ON conclusions (created_at) WHERE indexed_at IS NULL AND deleted_at IS NULL;

CREATE TABLE peer_cards (
    workspace  text NOT NULL,
    observer   text NOT NULL,
    observed   text NOT NULL,
    entries    text[] NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, observer, observed),
    FOREIGN KEY (workspace, observer) REFERENCES peers (workspace, name)
);

CREATE TABLE summaries (
    workspace   text NOT NULL,
    session     text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('short', 'long')),
    content     text NOT NULL,
    message_id  text NOT NULL,
    covered_seq bigint NOT NULL,
    token_count integer NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (workspace, session, kind),
    FOREIGN KEY (workspace, session) REFERENCES sessions (workspace, name)
);

CREATE TABLE work_units (
    workspace      text NOT NULL,
    unit           text NOT NULL,
    kind           text NOT NULL,
    session        text NOT NULL,
    observed       text NOT NULL DEFAULT '',
    wake_no        bigint NOT NULL DEFAULT 0,
    is_woken       boolean NOT NULL DEFAULT false,
    is_flushed     boolean NOT NULL DEFAULT false,
    sent_at        timestamptz,
    due_at         timestamptz,
    pending_items  integer NOT NULL DEFAULT 0,
    pending_tokens bigint NOT NULL DEFAULT 0,
    done_items     bigint NOT NULL DEFAULT 0,
    parked_items   bigint NOT NULL DEFAULT 0,
    attempts       integer NOT NULL DEFAULT 0,
    failures       integer NOT NULL DEFAULT 0,
    error          text,
    token          text,
    lease_until    timestamptz,
    window_first   bigint,
    window_last    bigint,
    window_items   integer NOT NULL DEFAULT 0,
    answer         text,
    PRIMARY KEY (workspace, unit),
    FOREIGN KEY (workspace, session) REFERENCES sessions (workspace, name)
) WITH (fillfactor = 50);
COMMENT ON COLUMN work_units.is_woken IS 'a wake-up is owed or under way: set by who decides it, cleared by the claim';
COMMENT ON COLUMN work_units.sent_at IS
    'when wake-up wake_no was handed to the queue; null while it is owed (the outbox)';
COMMENT ON COLUMN work_units.due_at IS 'when tick looks at the unit again; null only when nothing is pending';
CREATE INDEX work_units_due ON work_units (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX work_units_by_session ON work_units (workspace, session);

CREATE TABLE work_items (
    workspace           text NOT NULL,
    unit                text NOT NULL,
    seq                 bigint NOT NULL,
    first_seq           bigint NOT NULL,
    message_id          text NOT NULL,
    tokens              bigint NOT NULL,
    observers           text[] NOT NULL DEFAULT '{}',
    custom_instructions text,
    state               text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'finished', 'parked')),
    attempts            integer NOT NULL DEFAULT 0,
    error               text,
    created_at          timestamptz NOT NULL,
    finished_at         timestamptz,
    PRIMARY KEY (workspace, unit, seq),
    FOREIGN KEY (workspace, unit) REFERENCES work_units (workspace, unit)
);
CREATE INDEX work_items_pending ON work_items (workspace, unit, seq) WHERE state = 'pending';
CREATE INDEX work_items_parked ON work_items (workspace, finished_at) WHERE state = 'parked';

CREATE TABLE work_windows (
    workspace     text NOT NULL,
    unit          text NOT NULL,
    first_seq     bigint NOT NULL,
    last_seq      bigint NOT NULL,
    items         integer NOT NULL,
    token         text NOT NULL,
    model         text NOT NULL,
    input_tokens  integer NOT NULL,
    output_tokens integer NOT NULL,
    conclusions   integer NOT NULL,
    committed_at  timestamptz NOT NULL,
    PRIMARY KEY (workspace, unit, first_seq),
    FOREIGN KEY (workspace, unit) REFERENCES work_units (workspace, unit)
);

CREATE TABLE embedding_spaces (
    name       text PRIMARY KEY,
    model      text NOT NULL,
    dimensions integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (model, dimensions)
);
"""

# The tables of vectors are made beside the revisions; left behind, they would answer with ids of rows that are gone.
DOWN = r"""
DO $$
DECLARE
    vectors regclass;
BEGIN
    FOR vectors IN
        SELECT oid FROM pg_class
         WHERE relkind = 'r' AND relname ~ '^(conclusion|message)_vectors_[0-9a-f]{8}$' AND pg_table_is_visible(oid)
    LOOP
        EXECUTE 'DROP TABLE ' || vectors;
    END LOOP;
END $$;
DROP TABLE IF EXISTS embedding_spaces, work_windows, work_items, work_units, summaries, peer_cards, conclusions,
    messages, members, sessions, peers, workspaces;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
