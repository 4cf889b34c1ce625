"""Which request caused a piece of work, and what came of it.

Kind: pre (safe before the code that uses it; columns without a default rewrite no table). Down: drops them.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

ALTER TABLE work_items ADD COLUMN traceparent text;
ALTER TABLE conclusions ADD COLUMN trace_id text;
ALTER TABLE summaries ADD COLUMN trace_id text;
ALTER TABLE dreams ADD COLUMN trace_id text;
COMMENT ON COLUMN work_items.traceparent IS
    'the request that planned it, as W3C Trace Context writes it';
COMMENT ON COLUMN conclusions.trace_id IS
    'the trace of the request that caused it to be concluded first';
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE work_items DROP COLUMN IF EXISTS traceparent;
ALTER TABLE conclusions DROP COLUMN IF EXISTS trace_id;
ALTER TABLE summaries DROP COLUMN IF EXISTS trace_id;
ALTER TABLE dreams DROP COLUMN IF EXISTS trace_id;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
