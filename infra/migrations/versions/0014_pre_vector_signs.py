"""Vectors of many dimensions are searched by one bit per number, and lie aside of their rows; metadata has an index.

Kind: pre (safe before the code that uses it: the former code finds the same in the new tables, only slower). Down:
takes the bits away and puts the vectors back into their rows.

Each table is copied, about a minute per million rows, in which its writers, who are workers, wait and readers do not.
Its graph is built anew by the next `tick`. The index over metadata takes some ten seconds per million messages.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Builds graphs over tables of either layout.
GRAPHS = """
SET LOCAL lock_timeout = '5s';

CREATE OR REPLACE FUNCTION build_vector_graphs(least_rows bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET maintenance_work_mem = '256MB' SET lock_timeout = '5s'
AS $$
DECLARE
    grown record;
    built integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('build_vector_graphs')) THEN
        RETURN 0;
    END IF;
    FOR grown IN
        SELECT c.relname,
               CASE WHEN g.attnum IS NULL THEN format('vector %s_cosine_ops', format_type(a.atttypid, -1))
                    ELSE 'signs bit_hamming_ops' END AS nearness,
               -- Built with less care, a graph over signs loses whole heaps of rows.
               CASE WHEN g.attnum IS NULL THEN 64 ELSE 200 END AS care
          FROM embedding_spaces AS s
          JOIN pg_class AS c ON c.relname IN ('conclusion_vectors_' || s.name, 'message_vectors_' || s.name)
                            AND c.relkind = 'r' AND pg_table_is_visible(c.oid)
          JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'vector'
          LEFT JOIN pg_attribute AS g ON g.attrelid = c.oid AND g.attname = 'signs'
         -- The size of the file and of a row: counting would read the table each time.
         WHERE pg_relation_size(c.oid) / 8192
               * greatest(1, 8000 / (CASE WHEN g.attnum IS NULL THEN s.dimensions * 4 ELSE s.dimensions / 8 END + 120))
               >= least_rows
           AND to_regclass(quote_ident(c.relname || '_nearest')) IS NULL
    LOOP
        EXECUTE format('CREATE INDEX %I ON %I USING hnsw (%s) WITH (m = 16, ef_construction = %s)',
                       grown.relname || '_nearest', grown.relname, grown.nearness, grown.care);
        built := built + 1;
    END LOOP;
    RETURN built;
END $$;
"""

METADATA = """
CREATE INDEX messages_by_metadata ON messages USING gin (metadata jsonb_path_ops) WITH (gin_pending_list_limit = 256);
"""

# `LIKE` would copy the bits as a plain column, so the columns are named.
_COPY = """
DO $$
DECLARE
    old record;
    held text;
BEGIN
    FOR old IN
        SELECT c.oid, c.relname, s.dimensions
          FROM embedding_spaces AS s
          JOIN pg_class AS c ON c.relname IN ('conclusion_vectors_' || s.name, 'message_vectors_' || s.name)
                            AND c.relkind = 'r' AND pg_table_is_visible(c.oid)
         WHERE s.dimensions >= 1024
    LOOP
        EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', old.relname);
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO held
          FROM pg_attribute
         WHERE attrelid = old.oid AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('vector', 'signs');
        EXECUTE format('CREATE TABLE copied AS SELECT %s FROM %I WITH NO DATA', held, old.relname);
        EXECUTE format('ALTER TABLE copied {columns}', {values});
        EXECUTE format('INSERT INTO copied (%s, vector) SELECT %s, vector FROM %I', held, held, old.relname);
        SELECT string_agg(format('ALTER COLUMN %I SET NOT NULL', attname), ', ') INTO held
          FROM pg_attribute WHERE attrelid = old.oid AND attnum > 0 AND attnotnull;
        EXECUTE 'ALTER TABLE copied ' || held;
        EXECUTE format('DROP TABLE %I', old.relname);
        EXECUTE format('ALTER TABLE copied RENAME TO %I', old.relname);
        IF starts_with(old.relname, 'message') THEN
            EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (workspace, message_id, piece)', old.relname);
            EXECUTE format('CREATE INDEX %I ON %I (workspace, session)', old.relname || '_session', old.relname);
            EXECUTE format('CREATE INDEX %I ON %I (workspace, peer)', old.relname || '_peer', old.relname);
        ELSE
            EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (workspace, id)', old.relname);
            EXECUTE format('CREATE INDEX %I ON %I (workspace, observer, observed)',
                           old.relname || '_observer', old.relname);
            EXECUTE format('CREATE INDEX %I ON %I (workspace, session)', old.relname || '_session', old.relname);
        END IF;
    END LOOP;
END $$;
"""
UP = _COPY.replace(
    "{columns}",
    "ADD COLUMN vector halfvec(%1$s) STORAGE EXTERNAL, ADD COLUMN signs bit(%1$s) STORAGE PLAIN"
    " GENERATED ALWAYS AS (binary_quantize(vector)::bit(%1$s)) STORED",
).replace("{values}", "old.dimensions")
DOWN = _COPY.replace("{columns}", "ADD COLUMN vector %s(%s) STORAGE PLAIN").replace(
    "{values}", "CASE WHEN old.dimensions <= 1900 THEN 'vector' ELSE 'halfvec' END, old.dimensions"
)


def upgrade() -> None:
    op.execute(GRAPHS)
    op.execute(METADATA)
    op.execute(UP)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP INDEX IF EXISTS messages_by_metadata")
    op.execute(DOWN)
