"""A database nobody has migrated, as a managed Postgres gives it: an owner who may make roles and is no superuser."""

import shutil
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from infra.local.postgres import EmbeddedPostgres, drop_database
from tests.support.response_bucket import ResponseBucket

_OWNER: tuple[LiteralString, ...] = (
    "DROP OWNED BY app CASCADE",
    "DROP ROLE app",
    "CREATE ROLE master LOGIN CREATEROLE PASSWORD 'the master password'",
)
_NAME = "fresh"


@dataclass(frozen=True, slots=True)
class Managed:
    """A server, and the address of its database for the owner."""

    server: EmbeddedPostgres
    dsn: str

    def as_app(self, password: str) -> str:
        return f"host=127.0.0.1 port={self.server.port} dbname={_NAME} user=app password='{password}'"


@pytest.fixture(scope="module")
def managed_server() -> Generator[EmbeddedPostgres]:
    """A server of its own: roles belong to all databases of a server, and other tests need their `app`."""
    place = Path(tempfile.mkdtemp(prefix="honcho-managed-"))
    place.chmod(0o755)
    try:
        with EmbeddedPostgres(place / "pg", careless=True) as server:
            for database in ("honcho", "postgres"):
                with psycopg.connect(server.dsn("postgres", database)) as conn:
                    for statement in _OWNER[:1] if database == "honcho" else _OWNER[1:]:
                        conn.execute(statement)
            yield server
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def managed(managed_server: EmbeddedPostgres) -> Generator[Managed]:
    """An empty database with pgvector, without the role `app`."""
    admin = managed_server.dsn("postgres", "postgres")
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {} OWNER master").format(sql.Identifier(_NAME)))
    with psycopg.connect(managed_server.dsn("postgres", _NAME)) as conn:
        # Where a rds_superuser may make it, here only a superuser may.
        conn.execute("CREATE EXTENSION vector")
    dsn = f"postgresql+psycopg://master:the%20master%20password@127.0.0.1:{managed_server.port}/{_NAME}"
    yield Managed(managed_server, dsn)
    drop_database(admin, _NAME)
    with psycopg.connect(admin) as conn:
        conn.execute("DROP ROLE IF EXISTS app")


@pytest.fixture
def bucket() -> Generator[ResponseBucket]:
    with ResponseBucket() as running:
        yield running
