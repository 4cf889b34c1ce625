"""The machine of the mind notices what it is there to notice."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.shared.reasoning.test_mind import QUICK
from tests.support.mind.machine import Mind
from tests.support.mind.mutations import MUTATIONS

SEARCH = settings(QUICK, max_examples=100)


@pytest.mark.slow
@pytest.mark.parametrize("place", [True], indirect=True, ids=["pipelined"])
@pytest.mark.parametrize("mistake", MUTATIONS)
def test_mind_with_a_mistake_in_the_product_fails(mistake, place, owner_dsn, dice, monkeypatch):
    MUTATIONS[mistake](monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(lambda: Mind(place, owner_dsn, dice), settings=SEARCH)
