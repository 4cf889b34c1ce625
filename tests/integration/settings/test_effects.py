"""No setting is inert: set to another value, each shows."""

import ast
from pathlib import Path

import pytest

from infra.bootstrap import ROOT
from shared.settings.knobs import all_knobs
from tests.support.backends import ensure_tiny_space
from tests.support.effect_table import EFFECTS, ELSEWHERE, OWED
from tests.support.effects import scene

OWED_NAMES = tuple(start for starts in OWED.values() for start in starts)


@pytest.fixture(scope="module")
def app_dsn(database_dsn: str, owner_dsn: str) -> str:
    ensure_tiny_space(owner_dsn)
    return database_dsn


@pytest.mark.parametrize("name", EFFECTS)
def test_setting_at_another_value_has_its_effect(app_dsn: str, tmp_path: Path, name: str):
    effect = EFFECTS[name]
    with scene(app_dsn, tmp_path, effect.given) as usual:
        before = effect.observe(usual)
    with scene(app_dsn, tmp_path, {**effect.given, name: effect.value}) as changed:
        after = effect.observe(changed)
    assert before != after


def test_every_setting_has_an_effect_here_or_elsewhere_or_is_owed():
    names = {knob.variable for knob in all_knobs()}
    owed = {name for name in names if name.startswith(OWED_NAMES)}
    assert names - set(EFFECTS) - set(ELSEWHERE) - owed == set()
    assert (set(EFFECTS) | set(ELSEWHERE)) - names == set()
    assert (set(EFFECTS) & set(ELSEWHERE), owed & (set(EFFECTS) | set(ELSEWHERE))) == (set(), set())


@pytest.mark.parametrize("where", sorted(set(ELSEWHERE.values())))
def test_effect_elsewhere_is_shown_by_a_test_that_is_there(where: str):
    path, _, name = where.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
