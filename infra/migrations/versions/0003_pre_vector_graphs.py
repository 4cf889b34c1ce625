"""HNSW graphs are built when a table of vectors has grown to need one.

Kind: pre (safe before the code that uses it). Down: drops the function; graphs that were built stay.

Up to tens of thousands of vectors an exact scan is as fast, and keeping a graph costs each new vector 3 ms
instead of 0.03 ms (1536 dimensions, measured). A function of the owner, because building takes ownership of the
table and the role of the functions has none.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UP = """
SET LOCAL lock_timeout = '5s';

CREATE FUNCTION build_vector_graphs(least_rows bigint) RETURNS integer
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
        SELECT c.relname, format_type(a.atttypid, -1) AS vector_type
          FROM embedding_spaces AS s
          JOIN pg_class AS c ON c.relname IN ('conclusion_vectors_' || s.name, 'message_vectors_' || s.name)
                            AND c.relkind = 'r' AND pg_table_is_visible(c.oid)
          JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'vector'
         -- The size of the file and of a row: counting would read the table each time.
         WHERE pg_relation_size(c.oid) / 8192 * greatest(1, 8000 / (s.dimensions * 4 + 120)) >= least_rows
           AND to_regclass(quote_ident(c.relname || '_nearest')) IS NULL
    LOOP
        EXECUTE format('CREATE INDEX %I ON %I USING hnsw (vector %s) WITH (m = 16, ef_construction = 64)',
                       grown.relname || '_nearest', grown.relname, grown.vector_type || '_cosine_ops');
        built := built + 1;
    END LOOP;
    RETURN built;
END $$;
COMMENT ON FUNCTION build_vector_graphs IS
    'gives each table of vectors that has about least_rows rows its HNSW index; writers to it wait meanwhile';
"""

DOWN = "DROP FUNCTION IF EXISTS build_vector_graphs"


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
