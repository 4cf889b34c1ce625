"""One embedded Postgres for the whole run, and a fresh copy of the migrated database for each test module."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from infra.local.postgres import EmbeddedPostgres

TEMPLATE = "template_honcho"


@pytest.fixture(scope="session")
def postgres_server() -> Generator["EmbeddedPostgres"]:
    """A running server without migrations; its data is gone with the run. `TEST_POSTGRES=16` makes it an older one."""
    # Here, so that a run without a database does not pay for the import.
    from infra.local.postgres import EmbeddedPostgres
    from infra.local.postgres_folder import MAJOR

    # Not pytest's own temporary folder: that one is closed to the account Postgres runs as when we are root.
    place = Path(tempfile.mkdtemp(prefix="honcho-tests-"))
    place.chmod(0o755)
    try:
        major = os.environ.get("TEST_POSTGRES", MAJOR)
        with EmbeddedPostgres(place / "pg", careless=True, major=major) as server:
            yield server
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: "EmbeddedPostgres") -> str:
    """The name of a database with all migrations applied, to be copied and never connected to."""
    from infra.local.postgres import clone_database
    from infra.migrations.apply import upgrade

    clone_database(postgres_server.dsn("postgres", "postgres"), "honcho", TEMPLATE)
    upgrade(postgres_server.dsn("owner", TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="module")
def database_name(postgres_server: "EmbeddedPostgres", migrated_template: str) -> Generator[str]:
    """A migrated, empty database of this module's own."""
    from infra.local.postgres import clone_database, drop_database

    name, admin = f"test_{uuid.uuid4().hex[:12]}", postgres_server.dsn("postgres", "postgres")
    clone_database(admin, migrated_template, name)
    yield name
    drop_database(admin, name)


@pytest.fixture(scope="module")
def database_dsn(postgres_server: "EmbeddedPostgres", database_name: str) -> str:
    """The module's database as the functions see it: role `app`."""
    return postgres_server.dsn("app", database_name)


@pytest.fixture(scope="module")
def owner_dsn(postgres_server: "EmbeddedPostgres", database_name: str) -> str:
    """The same database for role `owner`, who may change its tables."""
    return postgres_server.dsn("owner", database_name)
