"""Dreams: when each collection is due for one, how far each has come, and what it changed.

Kind: pre (safe before the code that uses it). Down: forgets the schedule and the record of changes; what was
concluded stays.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

CREATE TABLE collections (
    workspace     text NOT NULL REFERENCES workspaces (name) ON DELETE CASCADE,
    observer      text NOT NULL,
    observed      text NOT NULL,
    concluded     bigint NOT NULL DEFAULT 0,
    dreamt        bigint NOT NULL DEFAULT 0,
    failures      integer NOT NULL DEFAULT 0,
    last_dream_at timestamptz,
    not_before    timestamptz,
    due_at        timestamptz,
    PRIMARY KEY (workspace, observer, observed)
) WITH (fillfactor = 70);
COMMENT ON COLUMN collections.concluded IS 'explicit conclusions ever saved; deleting some does not count back';
COMMENT ON COLUMN collections.dreamt IS 'how many of these were there when the last successful dream began';
COMMENT ON COLUMN collections.failures IS 'dreams begun since the last successful one';
COMMENT ON COLUMN collections.not_before IS 'until then no dream begins by itself: one was there, or failed';
COMMENT ON COLUMN collections.due_at IS 'when tick lets it dream; null when nothing calls for it';
CREATE INDEX collections_due ON collections (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX collections_waiting ON collections (workspace, observed) WHERE due_at IS NOT NULL;

INSERT INTO collections (workspace, observer, observed, concluded)
SELECT workspace, observer, observed, count(*)
  FROM conclusions
 WHERE level = 'explicit' AND deleted_at IS NULL
 GROUP BY workspace, observer, observed;

CREATE TABLE dreams (
    workspace     text NOT NULL,
    observer      text NOT NULL,
    observed      text NOT NULL,
    number        bigint NOT NULL,
    id            text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('omni', 'card_refresh')),
    cause         text NOT NULL CHECK (cause IN ('manual', 'threshold')),
    session       text,
    is_rebuild    boolean NOT NULL DEFAULT false,
    phase         text NOT NULL,
    concluded     bigint,
    input_tokens  bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    requested_at  timestamptz NOT NULL,
    begun_at      timestamptz,
    finished_at   timestamptz,
    PRIMARY KEY (workspace, id),
    UNIQUE (workspace, observer, observed, number),
    FOREIGN KEY (workspace, observer, observed) REFERENCES collections (workspace, observer, observed)
        ON DELETE CASCADE
);
COMMENT ON COLUMN dreams.number IS 'its item in the work unit of the collection';
COMMENT ON COLUMN dreams.phase IS 'what comes next; earlier phases are committed';
COMMENT ON COLUMN dreams.concluded IS 'collections.concluded when it began';
CREATE INDEX dreams_by_age ON dreams (workspace, requested_at DESC, id);

CREATE TABLE dream_changes (
    workspace  text NOT NULL,
    dream      text NOT NULL,
    place      integer NOT NULL,
    action     text NOT NULL CHECK (action IN ('added', 'superseded', 'deleted', 'line_added', 'line_removed')),
    conclusion text,
    successor  text,
    line       text,
    reason     text,
    source_ids text[] NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, dream, place),
    FOREIGN KEY (workspace, dream) REFERENCES dreams (workspace, id) ON DELETE CASCADE
);
COMMENT ON TABLE dream_changes IS 'what each dream did, so that it can be shown; texts of conclusions stay in theirs';
COMMENT ON COLUMN dream_changes.successor IS 'the conclusion that a superseded one gave way to';
CREATE INDEX dream_changes_by_conclusion ON dream_changes (workspace, conclusion) WHERE conclusion IS NOT NULL;
CREATE INDEX dream_changes_by_successor ON dream_changes (workspace, successor) WHERE successor IS NOT NULL;
CREATE INDEX dream_changes_by_source ON dream_changes USING gin (source_ids);
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
DROP TABLE IF EXISTS dream_changes, dreams, collections;
DELETE FROM work_windows WHERE starts_with(unit, 'dream:');
DELETE FROM work_items WHERE starts_with(unit, 'dream:');
DELETE FROM work_units WHERE starts_with(unit, 'dream:');
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
