"""Whatever happens on the way, each message is concluded from once and in order."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.pipeline_machine import Pipeline

QUICK = settings(
    max_examples=12,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    # A failure is told at once; the thorough run looks for its shortest form.
    phases=[Phase.generate],
)
THOROUGH = settings(QUICK, max_examples=250, stateful_step_count=50, derandomize=False, phases=list(Phase))


@pytest.fixture(params=[1800, 0], ids=["aging", "patient"])
def pipeline(place, request):
    """A small gate and windows of a few messages, so that little makes many of them."""
    return place.configured(
        deriver={
            "representation_batch_max_tokens": 128,
            "representation_batch_target_input_tokens": 300,
            "representation_batch_max_age_seconds": request.param,
        }
    )


def test_pipeline_whatever_happens_concludes_each_message_once_and_in_order(pipeline):
    run_state_machine_as_test(lambda: Pipeline(pipeline), settings=QUICK)


@pytest.mark.slow
def test_pipeline_whatever_happens_for_long_concludes_each_message_once_and_in_order(pipeline):
    run_state_machine_as_test(lambda: Pipeline(pipeline), settings=THOROUGH)
