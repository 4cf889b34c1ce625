"""What calls of models cost, what workspaces may spend, and work that waits because they may spend no more.

Kind: pre (safe before the code that uses it; new columns are null or have a constant default). Down: forgets the
books; work that waits for a budget becomes due like any other.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

-- The books name a workspace and do not refer to it: they outlive it.
CREATE TABLE model_calls (
    workspace          text NOT NULL,
    id                 text NOT NULL,
    run                text NOT NULL,
    at                 timestamptz NOT NULL,
    feature            text NOT NULL,
    provider           text NOT NULL,
    model              text NOT NULL,
    outcome            text NOT NULL CHECK (outcome IN ('answered', 'cut', 'failed')),
    error              text,
    input_tokens       bigint NOT NULL,
    cached_tokens      bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    output_tokens      bigint NOT NULL,
    thinking_tokens    bigint NOT NULL,
    latency_ms         bigint NOT NULL,
    usd                numeric,
    PRIMARY KEY (workspace, id)
);
COMMENT ON COLUMN model_calls.run IS 'what the call was part of: work_windows.run, or a question to the dialectic';
COMMENT ON COLUMN model_calls.usd IS 'what it cost; null when the model has no price';
CREATE INDEX model_calls_by_age ON model_calls (workspace, at);
CREATE INDEX model_calls_oldest ON model_calls (at);
CREATE INDEX model_calls_by_run ON model_calls (workspace, run);

CREATE TABLE usage_days (
    workspace          text NOT NULL,
    day                date NOT NULL,
    feature            text NOT NULL,
    provider           text NOT NULL,
    model              text NOT NULL,
    calls              bigint NOT NULL,
    failed_calls       bigint NOT NULL,
    unpriced_calls     bigint NOT NULL,
    input_tokens       bigint NOT NULL,
    cached_tokens      bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    output_tokens      bigint NOT NULL,
    thinking_tokens    bigint NOT NULL,
    latency_ms         bigint NOT NULL,
    usd                numeric NOT NULL,
    PRIMARY KEY (workspace, day, feature, provider, model)
);
COMMENT ON TABLE usage_days IS 'what is left of calls that are too old to be kept one by one';

CREATE TABLE budgets (
    workspace      text PRIMARY KEY,
    soft_per_day   numeric,
    hard_per_day   numeric,
    soft_per_month numeric,
    hard_per_month numeric,
    updated_at     timestamptz NOT NULL
);
COMMENT ON TABLE budgets IS 'in place of the settings of the server; all null means no limit';

CREATE TABLE spending (
    workspace    text PRIMARY KEY,
    day          date NOT NULL,
    day_usd      numeric NOT NULL,
    month        date NOT NULL,
    month_usd    numeric NOT NULL,
    reserved_usd numeric NOT NULL,
    last_call    text,
    day_told     text,
    month_told   text
) WITH (fillfactor = 70);
COMMENT ON COLUMN spending.last_call IS 'the call that got the last reservation';
COMMENT ON COLUMN spending.day_told IS 'the call that reached the soft limit of the day; null while none has';

CREATE TABLE reservations (
    workspace  text NOT NULL,
    id         text NOT NULL,
    usd        numeric NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, id)
);
CREATE INDEX reservations_expiry ON reservations (expires_at);
COMMENT ON TABLE reservations IS 'calls under way, at the most they can cost';

ALTER TABLE work_windows ADD COLUMN run text;
COMMENT ON COLUMN work_windows.run IS 'its calls are the rows of model_calls with this run';
ALTER TABLE work_units ADD COLUMN stopped_usd numeric;
COMMENT ON COLUMN work_units.stopped_usd IS 'what the budget had no room for; null when that is not what it waits for';
CREATE INDEX work_units_stopped ON work_units (workspace) WHERE stopped_usd IS NOT NULL;
"""

DOWN = """
SET LOCAL lock_timeout = '5s';
UPDATE work_units SET due_at = now() WHERE stopped_usd IS NOT NULL;
DROP INDEX IF EXISTS work_units_stopped;
ALTER TABLE work_units DROP COLUMN IF EXISTS stopped_usd;
ALTER TABLE work_windows DROP COLUMN IF EXISTS run;
DROP TABLE IF EXISTS reservations, spending, budgets, usage_days, model_calls;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
