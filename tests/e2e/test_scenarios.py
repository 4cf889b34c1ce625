"""Every scenario of `scenarios/*.yaml`, on one keyless stack.

The stack works on all of them at once; each test then waits for its own workspace only.
"""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from infra.local.stack import Stack
from tests.support.scenario import Place, Scenario, scenarios
from tests.support.scenario_checks import check
from tests.support.stack import drained

ALL = scenarios()


@pytest.fixture(scope="module")
def http(stack: Stack) -> Generator[httpx.Client]:
    with httpx.Client(base_url=stack.base_url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def places(stack: Stack, http: httpx.Client, request: pytest.FixtureRequest) -> Generator[dict[str, Future[Place]]]:
    """Every scenario's workspace, under way: what is asked for first is given first."""
    items = [item for item in request.session.items if item.path == request.path and isinstance(item, pytest.Function)]
    wanted = [item.callspec.params["scenario"] for item in items if hasattr(item, "callspec")]

    def prepared(scenario: Scenario) -> Place:
        place = Place(http, scenario.workspace, lambda: _drain(stack, scenario.workspace))
        http.post("/v3/workspaces", json={"id": scenario.workspace}).raise_for_status()
        for step in scenario.given:
            place.do(step)
        return place

    pool = ThreadPoolExecutor(4)
    try:
        yield {one.workspace: pool.submit(prepared, one) for one in wanted}
    finally:
        pool.shutdown(cancel_futures=True)


def _drain(stack: Stack, workspace: str) -> None:
    # Many ask at once, and whoever asks keeps the machine from the work.
    drained(stack.base_url, workspace, every_s=0.25)


def test_scenarios_are_many_and_each_has_a_name_of_its_own():
    assert len({one.workspace for one in ALL}) == len(ALL) >= 40
    assert all(one.then for one in ALL)


@pytest.mark.parametrize("scenario", ALL, ids=lambda one: f"{one.file}: {one.name}")
def test_scenario(scenario: Scenario, places: dict[str, Future[Place]]):
    place = places[scenario.workspace].result()
    place.settle()
    for expected in scenario.then:
        check(place, expected)
