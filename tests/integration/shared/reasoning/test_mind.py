"""Whatever happens, the mind knows what it may know, once, and for a reason that is there."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.dreaming import dreamland
from tests.support.mind.machine import Mind

QUICK = settings(
    max_examples=10,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    # A failure is told at once; the thorough run looks for its shortest form.
    phases=[Phase.generate],
)
THOROUGH = settings(QUICK, max_examples=250, stateful_step_count=50, derandomize=False, phases=list(Phase))


def test_mind_whatever_happens_knows_what_it_may_once_and_for_a_reason(place, owner_dsn, dice):
    run_state_machine_as_test(lambda: Mind(place, owner_dsn, dice), settings=QUICK)


def test_mind_with_offline_models_knows_what_it_may_once_and_for_a_reason(database_dsn, owner_dsn, dice):
    with dreamland(database_dsn, owner_dsn) as land:
        models = land.backends.models
        run_state_machine_as_test(lambda: Mind(land, owner_dsn, dice, models), settings=settings(QUICK, max_examples=5))


@pytest.mark.slow
def test_mind_whatever_happens_for_long_knows_what_it_may_once_and_for_a_reason(place, owner_dsn, dice):
    run_state_machine_as_test(lambda: Mind(place, owner_dsn, dice), settings=THOROUGH)


@pytest.mark.slow
def test_mind_with_offline_models_for_long_knows_what_it_may_once_and_for_a_reason(database_dsn, owner_dsn, dice):
    with dreamland(database_dsn, owner_dsn) as land:
        models = land.backends.models
        run_state_machine_as_test(lambda: Mind(land, owner_dsn, dice, models), settings=THOROUGH)
