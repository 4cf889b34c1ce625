"""Units, their keys and groups, and the wake-ups for them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import Invalid
from shared.domain.ids import SCOPE_PREFIX
from shared.domain.work import Claim, TaskKind, WakeUp, WorkItem, WorkUnit

NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,40}", fullmatch=True)


@given(NAMES, st.sampled_from(TaskKind), NAMES, st.one_of(st.just(""), NAMES, NAMES.map(SCOPE_PREFIX.__add__)))
def test_unit_key_parsed_gives_the_unit(workspace: str, kind: TaskKind, session: str, observed: str):
    unit = WorkUnit(workspace, kind, session, observed)
    assert WorkUnit.parse(workspace, unit.key) == unit


@given(NAMES, NAMES, st.one_of(NAMES, NAMES.map(SCOPE_PREFIX.__add__)))
def test_unit_key_of_a_dream_parsed_gives_the_unit(workspace: str, observed: str, observer: str):
    unit = WorkUnit(workspace, TaskKind.DREAM, "", observed, observer)
    assert WorkUnit.parse(workspace, unit.key) == unit
    assert unit.key == f"dream::{observer}:{observed}"


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_unit_keys_of_different_units_differ(first: tuple[str, str], second: tuple[str, str]):
    keys = {WorkUnit("w", TaskKind.DERIVE, *names).key for names in (first, second)}
    assert len(keys) == len({first, second})


@pytest.mark.parametrize("key", ["", "derive", "derive:s", "dig:s:ada", ":s:ada", "dream::a:b:c"])
def test_parse_of_anything_else_raises(key: str):
    with pytest.raises(Invalid):
        WorkUnit.parse("w", key)


def test_group_is_the_sessions_so_that_its_kinds_and_authors_share_it():
    groups = {WorkUnit("w", TaskKind.DERIVE, "s", peer).group_id() for peer in ("ada", "bob")}
    assert groups == {"w:s"}


def test_group_of_what_belongs_to_no_session_is_its_own():
    groups = {WorkUnit("w", TaskKind.WEBHOOK, "", hook).group_id() for hook in ("x", "y")}
    assert groups == {"w:webhook::x", "w:webhook::y"}


def test_group_of_a_dream_is_its_collections():
    unit = WorkUnit("w", TaskKind.DREAM, "", "ada", "bob")
    assert unit.group_id() == "w:dream::bob:ada"


@pytest.mark.parametrize(("length", "is_plain"), [(126, True), (127, False), (512, False)])
def test_group_fits_into_what_sqs_takes(length: int, is_plain: bool):
    group = WorkUnit("w", TaskKind.INDEX, "s" * length).group_id()
    assert len(group) <= 128
    assert (group == "w:" + "s" * length) == is_plain


def test_group_of_long_names_differs_where_they_differ():
    long = "x" * 300
    units = [WorkUnit("w", TaskKind.INDEX, long), WorkUnit("w", TaskKind.INDEX, long + "y")]
    assert len({unit.group_id() for unit in units}) == 2


def test_deduplication_id_is_that_of_one_send():
    unit, other = WorkUnit("w", TaskKind.INDEX, "s"), WorkUnit("w", TaskKind.SUMMARY, "s")
    assert WakeUp(unit, 1).deduplication_id() == WakeUp(unit, 1).deduplication_id()
    ids = {WakeUp(unit, 1).deduplication_id(), WakeUp(unit, 2).deduplication_id(), WakeUp(other, 1).deduplication_id()}
    assert len(ids) == 3
    assert all(len(one) <= 128 for one in ids)


def test_claim_reaches_from_its_first_to_its_last_item():
    now = datetime(2031, 5, 6, tzinfo=UTC)
    items = tuple(WorkItem(seq, seq, f"m{seq}", 1, (), None, now, 0) for seq in (3, 5, 9))
    claimed = Claim(WorkUnit("w", TaskKind.INDEX, "s"), "token", items, 1, 1, datetime(2031, 5, 6, tzinfo=UTC))
    assert (claimed.first_seq, claimed.last_seq) == (3, 9)
