"""The role `app` after a deploy is what it is on one machine."""

import psycopg
import pytest
from psycopg import errors

from infra.migrations import apply
from infra.migrations.apply import plain
from tests.integration.functions.migrate.conftest import Managed

PASSWORD = "p4ssw0rd-of-the-functions"
# What the role may do with each table and sequence, and with the schema.
PRIVILEGES = """
SELECT c.relname::text, a.privilege_type, a.is_grantable
  FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
 WHERE c.relnamespace = 'public'::regnamespace AND a.grantee = 'app'::regrole
 UNION ALL
SELECT 'may make tables', has_schema_privilege('app', 'public', 'CREATE')::text, false
 UNION ALL
SELECT 'may come in', rolcanlogin::text, rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls
  FROM pg_roles WHERE rolname = 'app'
"""


def privileges(dsn: str) -> set[tuple[object, ...]]:
    with psycopg.connect(plain(dsn)) as conn:
        return set(conn.execute(PRIVILEGES).fetchall())


def test_role_of_a_deploy_may_do_what_the_local_one_may(managed: Managed, owner_dsn: str):
    apply.prepare(managed.dsn, app_password=PASSWORD)
    apply.upgrade(managed.dsn)
    local = privileges(owner_dsn)
    assert ("messages", "INSERT", False) in local
    assert ("may make tables", "false", False) in local
    assert privileges(managed.dsn) == local


def test_role_that_comes_after_the_tables_may_use_them_and_no_one_elses(managed: Managed):
    apply.prepare(managed.dsn)
    apply.upgrade(managed.dsn)
    with psycopg.connect(managed.server.dsn("postgres", "fresh")) as conn:
        conn.execute("CREATE TABLE theirs (id integer)")
    apply.prepare(managed.dsn, app_password=PASSWORD)
    with psycopg.connect(managed.as_app(PASSWORD), autocommit=True) as conn:
        assert conn.execute("SELECT count(*) FROM messages").fetchone() == (0,)
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute("SELECT count(*) FROM theirs")


def test_password_of_the_role_is_never_said_to_the_server(managed: Managed):
    with psycopg.connect(managed.server.dsn("postgres", "postgres")) as conn:
        conn.execute("ALTER ROLE master SET log_statement = 'all'")
    said = managed.server.log.stat().st_size
    apply.prepare(managed.dsn, app_password=PASSWORD)
    apply.prepare(managed.dsn, app_password=PASSWORD)
    log = managed.server.log.read_bytes()[said:].decode()
    assert log.count("SCRAM-SHA-256$") == 2
    assert PASSWORD not in log


def test_prepare_without_a_password_makes_no_role(managed: Managed):
    apply.prepare(managed.dsn)
    with psycopg.connect(plain(managed.dsn)) as conn:
        assert conn.execute("SELECT 1 FROM pg_roles WHERE rolname = 'app'").fetchone() is None


def test_prepare_as_the_role_itself_changes_nothing(database_dsn: str):
    before = privileges(database_dsn)
    # An own Postgres may have one role for everything.
    apply.prepare(database_dsn, app_password="another")
    psycopg.connect(database_dsn).close()
    assert privileges(database_dsn) == before
