"""Revisions go up and down, and the tables they leave are the declared ones."""

import subprocess
import sys
import threading

import psycopg
from alembic import command
from alembic.config import Config

from infra.bootstrap import ROOT
from infra.migrations import apply
from shared.domain.vector import EmbeddingSpace
from shared.vectors.spaces import table_names

SPACE = EmbeddingSpace("some-model", 8)
# Everything a revision may make, by kind and name.
CATALOGUE = """
SELECT relkind::text, relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'f', proname::text FROM pg_proc JOIN pg_roles ON pg_roles.oid = proowner
 WHERE pronamespace = 'public'::regnamespace AND rolname = 'owner'
 ORDER BY 1, 2
"""


def _configured(dsn: str) -> Config:
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.attributes["dsn"] = dsn
    return config


def _catalogue(dsn: str) -> list[tuple[str, str]]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(CATALOGUE).fetchall()


def test_upgrade_of_an_empty_database_leaves_the_declared_tables(empty_dsn: str):
    assert apply.current(empty_dsn) is None
    apply.upgrade(empty_dsn)
    assert apply.current(empty_dsn) == apply.newest()
    # Raises when a revision and tables.py disagree.
    command.check(_configured(empty_dsn))


def test_downgrade_to_nothing_and_up_again_leaves_the_same(empty_dsn: str):
    before = _catalogue(empty_dsn)
    apply.upgrade(empty_dsn)
    first = _catalogue(empty_dsn)
    apply.ensure_space(empty_dsn, SPACE)
    command.downgrade(_configured(empty_dsn), "base")
    # Alembic's own table stays, and nothing of ours: not even the tables of vectors.
    assert [name for _, name in _catalogue(empty_dsn) if "alembic" not in name] == [name for _, name in before]
    apply.upgrade(empty_dsn)
    assert _catalogue(empty_dsn) == first


def test_each_revision_goes_down_by_itself(empty_dsn: str):
    apply.upgrade(empty_dsn)
    while apply.current(empty_dsn) is not None:
        command.downgrade(_configured(empty_dsn), "-1")
        command.upgrade(_configured(empty_dsn), "+1")
        command.downgrade(_configured(empty_dsn), "-1")


WIDE = EmbeddingSpace("wide-model", 1536)
LAYOUT = """
SELECT attname, format_type(atttypid, atttypmod), attnotnull
  FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


def test_vectors_keep_their_values_on_the_way_to_signs_and_back(empty_dsn: str):
    apply.upgrade(empty_dsn)
    apply.ensure_space(empty_dsn, WIDE)
    conclusions, messages, _ = table_names(WIDE)
    with psycopg.connect(empty_dsn) as conn:
        conn.execute(
            f"INSERT INTO {conclusions} SELECT 'w', 'c', 'a', 'b', NULL, 'explicit', array_fill(0.5, ARRAY[1536])"
        )
        conn.execute(f"INSERT INTO {messages} SELECT 'w', 'm', 3, 's', 'a', array_fill(0.5, ARRAY[1536])")
        made = [conn.execute(LAYOUT, (table,)).fetchall() for table in (conclusions, messages)]
    before = _catalogue(empty_dsn)
    command.downgrade(_configured(empty_dsn), "0013")
    with psycopg.connect(empty_dsn) as conn:
        assert ("vector", "vector(1536)", True) in conn.execute(LAYOUT, (messages,)).fetchall()
        assert conn.execute("SELECT build_vector_graphs(0)").fetchone() == (2,)
        conn.execute(f"DROP INDEX {conclusions}_nearest, {messages}_nearest")
    command.upgrade(_configured(empty_dsn), "head")
    assert _catalogue(empty_dsn) == before
    with psycopg.connect(empty_dsn) as conn:
        assert [conn.execute(LAYOUT, (table,)).fetchall() for table in (conclusions, messages)] == made
        kept = conn.execute(f"SELECT observed, session, vector::real[] FROM {conclusions}").fetchall()
        assert kept == [("b", None, [0.5] * 1536)]
        held = conn.execute(f"SELECT piece, vector::real[], length(replace(signs::text, '0', '')) FROM {messages}")
        assert held.fetchall() == [(3, [0.5] * 1536, 1536)]
        assert conn.execute("SELECT build_vector_graphs(0)").fetchone() == (2,)


def test_upgrade_when_two_deploys_start_at_once_both_succeed(empty_dsn: str):
    failed: list[BaseException] = []
    command_line = [
        sys.executable,
        "-c",
        "import sys; from infra.migrations.apply import upgrade; upgrade(sys.argv[1])",
    ]

    def deploy() -> None:
        try:
            subprocess.run([*command_line, empty_dsn], check=True, cwd=ROOT, timeout=60)
        except BaseException as error:
            failed.append(error)

    deploys = [threading.Thread(target=deploy) for _ in range(2)]
    for one in deploys:
        one.start()
    for one in deploys:
        one.join()
    assert failed == []
    assert apply.current(empty_dsn) == apply.newest()


def test_upgrade_of_a_database_that_is_ahead_leaves_it_as_it_is(empty_dsn: str):
    assert apply.upgrade(empty_dsn) == apply.newest()
    with psycopg.connect(empty_dsn) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    before = _catalogue(empty_dsn)
    assert apply.is_ahead(apply.upgrade(empty_dsn))
    assert _catalogue(empty_dsn) == before


def test_upgrade_of_a_current_database_does_not_load_alembic(owner_dsn: str):
    program = (
        "import sys; from infra.migrations.apply import upgrade; upgrade(sys.argv[1]);"
        "print([name for name in ('alembic', 'sqlalchemy') if name in sys.modules])"
    )
    command_line = [sys.executable, "-c", program, owner_dsn]
    done = subprocess.run(command_line, check=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_upgrade_takes_an_address_with_sqlalchemys_driver(owner_dsn: str):
    assert apply.current(owner_dsn.replace("postgresql://", "postgresql+psycopg://")) == apply.newest()


def test_ensure_space_twice_leaves_one_that_the_functions_role_can_use(owner_dsn: str, database_dsn: str):
    for _ in range(2):
        apply.ensure_space(owner_dsn, SPACE)
    with psycopg.connect(database_dsn) as conn:
        [name] = conn.execute("SELECT name FROM embedding_spaces WHERE model = 'some-model'").fetchall()[0]
        assert conn.execute(f"SELECT count(*) FROM conclusion_vectors_{name}").fetchone() == (0,)
        conn.execute(f"DELETE FROM message_vectors_{name}")


def test_functions_role_can_use_every_table(owner_dsn: str, database_dsn: str):
    with psycopg.connect(database_dsn) as conn:
        denied = conn.execute("""
            SELECT relname FROM pg_class
             WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
               AND NOT has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE')
        """).fetchall()
    assert denied == []
