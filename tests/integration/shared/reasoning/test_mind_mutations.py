"""The machine of the mind notices what it is there to notice."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.shared.reasoning.test_mind import QUICK
from tests.support.mind.machine import Days, Mind
from tests.support.mind.mutations import MUTATIONS

SEARCH = settings(QUICK, max_examples=1500)


@pytest.mark.slow
@pytest.mark.parametrize("place", [True], indirect=True, ids=["pipelined"])
@pytest.mark.parametrize("mistake", MUTATIONS)
def test_mind_with_a_mistake_in_the_product_fails(mistake, place, owner_dsn, dice, monkeypatch):
    machine = Mind if "undo" in mistake else Days
    MUTATIONS[mistake](monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(lambda: machine(place, owner_dsn, dice), settings=SEARCH)
