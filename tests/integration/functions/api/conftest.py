"""The API in this process, over the embedded Postgres and the offline models."""

from collections.abc import Generator

import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from tests.support.backends import offline_backends
from tests.support.workspace_client import WorkspaceClient


@pytest.fixture(scope="module")
def backends(database_dsn: str, owner_dsn: str) -> Generator[Backends]:
    with offline_backends(database_dsn, owner_dsn) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(backends: Backends) -> TestClient:
    """Errors that nobody expected are answers here, as they are for everybody else."""
    return TestClient(create_app(backends), raise_server_exceptions=False)


@pytest.fixture
def workspace(client: TestClient, request: pytest.FixtureRequest) -> WorkspaceClient:
    """A workspace of the test's own."""
    name = "".join(letter if letter.isalnum() else "_" for letter in request.node.name)
    return WorkspaceClient(client, name[:100])
