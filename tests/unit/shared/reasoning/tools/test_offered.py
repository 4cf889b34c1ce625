"""Which tools are on offer whatever is asked: a setting may force one of these by its name."""

from itertools import product
from types import SimpleNamespace

import pytest

from shared.reasoning.tools import BY_LEVEL, offered
from shared.settings.models import TOOLS_OF_LEVELS


@pytest.mark.parametrize("level", BY_LEVEL)
def test_tools_that_a_setting_may_force_are_those_offered_to_every_question(level):
    questions = [
        SimpleNamespace(sessions=sessions, is_of_all=is_of_all, uses_cards=uses_cards)
        for sessions, is_of_all, uses_cards in product((None, ("s",)), (True, False), (True, False))
    ]
    always = set.intersection(*({tool.definition.name for tool in offered(level, question)} for question in questions))
    assert always == set(TOOLS_OF_LEVELS[level])
