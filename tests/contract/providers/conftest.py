"""Every test of this folder runs once per vendor, against a server that speaks the vendor's protocol."""

from collections.abc import Iterator

import pytest

from tests.support.scripted_server import ScriptedServer
from tests.support.vendor_world import World
from tests.support.vendor_worlds import WORLDS


@pytest.fixture(scope="session")
def running() -> Iterator[ScriptedServer]:
    # One for all tests: the SDKs' clients are kept by address, and making one takes a tenth of a second.
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def server(running: ScriptedServer) -> ScriptedServer:
    running.forget()
    return running


@pytest.fixture(params=WORLDS, ids=lambda world: world.label)
def world(request: pytest.FixtureRequest) -> World:
    return request.param
