"""Every verb of the tool leads somewhere."""

import importlib
import inspect

import pytest

from infra.__main__ import VERBS


@pytest.mark.parametrize("name", VERBS)
def test_verb_is_a_function_of_its_arguments_with_a_sentence_about_it(name: str):
    verb = VERBS[name]
    function = getattr(importlib.import_module(verb.module), verb.function)
    assert list(inspect.signature(function).parameters) == ["argv"]
    assert function.__doc__
