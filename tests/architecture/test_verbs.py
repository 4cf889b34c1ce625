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


@pytest.mark.parametrize("name", VERBS)
def test_verb_that_is_asked_for_help_gives_it_and_does_nothing(name: str, capsys: pytest.CaptureFixture[str]):
    verb = VERBS[name]
    with pytest.raises(SystemExit) as ended:
        getattr(importlib.import_module(verb.module), verb.function)(["--help"])
    said = capsys.readouterr().out
    assert (ended.value.code, f"usage: python3 -m infra {name}" in said) == (0, True)
