"""Whatever happens around dreams, what they leave is founded, single and complete."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.dream_machine import Nights
from tests.support.dreaming import Dreamland, dreamland

QUICK = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    # A failure is told at once; the thorough run looks for its shortest form.
    phases=[Phase.generate],
)
THOROUGH = settings(QUICK, max_examples=150, stateful_step_count=40, derandomize=False, phases=list(Phase))


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    with dreamland(database_dsn, owner_dsn) as place:
        yield place


def test_dreams_whatever_happens_leave_what_is_founded_and_single(land: Dreamland):
    run_state_machine_as_test(lambda: Nights(land), settings=QUICK)


@pytest.mark.slow
def test_dreams_whatever_happens_for_long_leave_what_is_founded_and_single(land: Dreamland):
    run_state_machine_as_test(lambda: Nights(land), settings=THOROUGH)
