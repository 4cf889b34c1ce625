"""Whatever happens on the way, what was erased is gone and what was not is known."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.erasing import repeating
from tests.support.erasure_machine import Erasure

QUICK = settings(
    max_examples=15,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    # A failure is told at once; the thorough run looks for its shortest form.
    phases=[Phase.generate],
)
THOROUGH = settings(QUICK, max_examples=80, stateful_step_count=40, derandomize=False, phases=list(Phase))


def test_erasure_whatever_happens_leaves_nothing_and_loses_nothing(place, owner_dsn):
    run_state_machine_as_test(lambda: Erasure(repeating(place), owner_dsn), settings=QUICK)


@pytest.mark.slow
def test_erasure_whatever_happens_for_long_leaves_nothing_and_loses_nothing(place, owner_dsn):
    run_state_machine_as_test(lambda: Erasure(repeating(place), owner_dsn), settings=THOROUGH)
