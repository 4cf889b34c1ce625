"""Each revision is safe beside the release before: what is called *pre* only adds."""

from typing import LiteralString

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from infra.bootstrap import ROOT
from infra.migrations import apply
from shared.domain.vector import EmbeddingSpace
from tests.support.schema_growth import Schema, breaches, look

REVISIONS = sorted((apply.FOLDER / "versions").glob("[0-9]*.py"))


def seen(dsn: str) -> Schema:
    with psycopg.connect(dsn) as conn:
        return look(conn)


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.stem)
def test_revision_says_its_kind_and_waits_for_no_table_for_long(revision):
    kind, text = revision.stem.split("_")[1], revision.read_text()
    assert kind in ("pre", "post")
    assert f"Kind: {kind}" in text
    assert "Down:" in text
    assert "SET LOCAL lock_timeout = '5s'" in text


def test_no_revision_that_is_pre_takes_anything_away(empty_dsn: str):
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.attributes["dsn"] = empty_dsn
    found: dict[str, list[str]] = {}
    for revision in REVISIONS:
        before = seen(empty_dsn)
        command.upgrade(config, "+1")
        if "_pre_" in revision.stem:
            found[revision.stem] = breaches(before, seen(empty_dsn))
        if revision.stem.startswith("0003"):
            # Tables of vectors are there in every database that was ever in use.
            apply.ensure_space(empty_dsn, EmbeddingSpace("some-model", 8))
    assert len(found) == len(REVISIONS)
    assert {name: what for name, what in found.items() if what} == {}


TABLES: LiteralString = """
CREATE TABLE parents (id integer PRIMARY KEY);
CREATE TABLE things (id integer PRIMARY KEY, name text, size bigint NOT NULL DEFAULT 0, parent integer);
CREATE FUNCTION doubled(number integer) RETURNS integer LANGUAGE sql AS 'SELECT number * 2';
CREATE FUNCTION noticed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
"""


def grown_by(dsn: str, statements: LiteralString) -> list[str]:
    with psycopg.connect(dsn) as conn:
        conn.execute(TABLES)
        before = look(conn)
        conn.execute(statements)
        return breaches(before, look(conn))


@pytest.mark.parametrize(
    ("statements", "breach"),
    [
        ("DROP TABLE parents", "column parents.id is gone"),
        ("ALTER TABLE things DROP COLUMN name", "column things.name is gone"),
        ("ALTER TABLE things RENAME COLUMN name TO title", "column things.name is gone"),
        (
            "ALTER TABLE things ALTER COLUMN name TYPE varchar(9)",
            "column things.name was text and is character varying(9)",
        ),
        ("ALTER TABLE things ALTER COLUMN name SET NOT NULL", "column things.name must not be null any more"),
        ("ALTER TABLE things ALTER COLUMN size DROP DEFAULT", "column things.size has no default any more"),
        ("ALTER TABLE things ADD COLUMN kind text NOT NULL", "column things.kind is new and must be given"),
        ("ALTER TABLE things ADD CHECK (size > 0)", "rule things_size_check is new for what things holds"),
        ("ALTER TABLE things ADD UNIQUE (name)", "rule things_name_key is new for what things holds"),
        ("CREATE UNIQUE INDEX once ON things (name, size)", "rule once is new for what things holds"),
        (
            "ALTER TABLE things ADD FOREIGN KEY (parent) REFERENCES parents",
            "rule things_parent_fkey is new for what things holds",
        ),
        ("DROP FUNCTION doubled", "function doubled(integer) is gone or gives another type"),
        (
            "DROP FUNCTION doubled; CREATE FUNCTION doubled(n integer) RETURNS text LANGUAGE sql AS 'SELECT n::text'",
            "function doubled(integer) is gone or gives another type",
        ),
        (
            "CREATE TRIGGER watch BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION noticed()",
            "trigger watch is new on things",
        ),
    ],
)
def test_change_that_the_release_before_would_run_into_is_found(empty_dsn: str, statements: LiteralString, breach: str):
    assert grown_by(empty_dsn, statements) == [breach]


@pytest.mark.parametrize(
    "statements",
    [
        "CREATE TABLE more (id integer PRIMARY KEY, CHECK (id > 0))",
        "ALTER TABLE things ADD COLUMN kind text",
        "ALTER TABLE things ADD COLUMN kind text NOT NULL DEFAULT ''",
        "ALTER TABLE things ADD COLUMN shout text GENERATED ALWAYS AS (upper(name)) STORED NOT NULL",
        "ALTER TABLE things ADD COLUMN kind text; CREATE UNIQUE INDEX once ON things (name, kind)",
        "CREATE INDEX by_name ON things (name)",
        "ALTER TABLE things ALTER COLUMN size DROP NOT NULL",
        "CREATE OR REPLACE FUNCTION doubled(number integer) RETURNS integer LANGUAGE sql AS 'SELECT number + number'",
        "UPDATE things SET size = 1",
    ],
)
def test_change_that_only_adds_is_let_pass(empty_dsn: str, statements: LiteralString):
    assert grown_by(empty_dsn, statements) == []
