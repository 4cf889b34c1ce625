"""All that a dream changes, so that it can be undone: what conclusions were before, and where each line stood.

Kind: pre (safe before the code that uses it). Down: forgets this; what was undone stays undone, and no dream can be.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

ALTER TABLE dreams
    ADD COLUMN is_whole boolean NOT NULL DEFAULT false,
    ADD COLUMN undone_at timestamptz;
COMMENT ON COLUMN dreams.is_whole IS 'all that it changed is recorded; false for dreams of earlier releases';

ALTER TABLE dream_changes
    ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN was_at integer,
    ADD COLUMN is_at integer,
    ADD COLUMN is_undone boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT dream_changes_action_check,
    ADD CONSTRAINT dream_changes_action_check
        CHECK (action IN ('added', 'reinforced', 'superseded', 'deleted', 'trimmed', 'card_made', 'line_added',
                          'line_removed', 'line_moved', 'line_kept'));
COMMENT ON COLUMN dream_changes.seq IS 'in which order changes of one collection were made';
COMMENT ON COLUMN dream_changes.was_at IS 'the place of the line on the card before; null when it was not there';
COMMENT ON COLUMN dream_changes.is_at IS 'the place of the line on the card afterwards; null when it is not there';

CREATE TABLE dream_formers (
    workspace     text NOT NULL,
    dream         text NOT NULL,
    place         integer NOT NULL,
    conclusion    text NOT NULL,
    times_derived integer NOT NULL,
    occurred_at   timestamptz NOT NULL,
    source_ids    text[] NOT NULL,
    message_ids   text[] NOT NULL,
    premises      text[] NOT NULL,
    PRIMARY KEY (workspace, dream, place),
    FOREIGN KEY (workspace, dream, place) REFERENCES dream_changes (workspace, dream, place) ON DELETE CASCADE
);
COMMENT ON TABLE dream_formers IS 'what a dream has changed of conclusions that stay, as it was before the change';
CREATE INDEX dream_formers_by_source ON dream_formers USING gin (source_ids);
CREATE INDEX dream_formers_by_message ON dream_formers USING gin (message_ids);
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
DROP TABLE IF EXISTS dream_formers;
DELETE FROM dream_changes WHERE action IN ('reinforced', 'trimmed', 'card_made', 'line_moved', 'line_kept');
ALTER TABLE dream_changes
    DROP CONSTRAINT dream_changes_action_check,
    ADD CONSTRAINT dream_changes_action_check
        CHECK (action IN ('added', 'superseded', 'deleted', 'line_added', 'line_removed')),
    DROP COLUMN is_undone,
    DROP COLUMN is_at,
    DROP COLUMN was_at,
    DROP COLUMN seq;
ALTER TABLE dreams
    DROP COLUMN undone_at,
    DROP COLUMN is_whole;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
