"""A database to be migrated."""

from collections.abc import Iterator

import pytest

from infra.local.postgres import EmbeddedPostgres, clone_database, drop_database

_NAME = "unmigrated"


@pytest.fixture
def empty_dsn(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """A database without any tables, for role owner."""
    admin = postgres_server.dsn("postgres", "postgres")
    clone_database(admin, "honcho", _NAME)
    yield postgres_server.dsn("owner", _NAME)
    drop_database(admin, _NAME)
