"""Forgetting a workspace: no table keeps a row of it."""

from dataclasses import replace

import pytest

from shared.domain.conclusion import Collection
from shared.domain.errors import Conflict, NotFound
from shared.domain.work import TaskKind
from shared.memory import budgets, forget
from shared.memory.forget import delete_session, delete_workspace
from shared.memory.relay import relay
from shared.store import cards
from tests.support.backends import THEN
from tests.support.forgetting import HastyClock, concludes, forgets, furnishes, indexes
from tests.support.metering import limit
from tests.support.residue import residue


def test_delete_workspace_with_an_active_session_is_refused(place):
    place.says("s", ("ada", "hello"))
    with pytest.raises(Conflict):
        delete_workspace(place.backends, place.workspace)
    with pytest.raises(NotFound):
        delete_workspace(place.backends, "nowhere")
    assert place.queue.take(TaskKind.FORGET) == []


def test_forgotten_workspace_leaves_no_row_in_any_table_and_can_be_made_anew(place, owner_dsn):
    furnishes(place, "s", "canary")
    concludes(place, "global", None)
    with place.backends.db.transaction() as conn:
        cards.put(conn, Collection(place.workspace, "ada", "ada"), ["canary"], THEN)
    neighbour = replace(place, workspace=place.workspace + "-b")
    neighbour.says("s", ("ada", "parrot"))
    delete_session(place.backends, place.workspace, "s")
    # While the session's own purge is still to come.
    delete_workspace(place.backends, place.workspace)
    delete_workspace(place.backends, place.workspace)
    waiting = {wake_up.unit.session for wake_up in place.queue.sent if wake_up.unit.kind is TaskKind.FORGET}
    assert waiting == {"s", ""}
    forgets(place)
    neighbours = residue(owner_dsn, neighbour.workspace)
    assert residue(owner_dsn, place.workspace) == neighbours
    assert residue(owner_dsn, "canary") == {}
    assert neighbour.count("messages") == 1
    [message] = place.says("s", ("ada", "hello again"))
    assert message.seq == 1
    delete_session(place.backends, place.workspace, "s")
    delete_workspace(place.backends, place.workspace)
    forgets(place)
    assert residue(owner_dsn, place.workspace) == neighbours


def test_forgotten_workspace_stays_in_the_books_and_keeps_its_budget(place):
    place.says("s", ("ada", "hello"))
    indexes(place)
    limit(place.backends, place.workspace, hard=3)
    before = place.count("model_calls")
    delete_session(place.backends, place.workspace, "s")
    delete_workspace(place.backends, place.workspace)
    forgets(place)
    assert (place.count("model_calls"), before) == (1, 1)
    # Made again, it does not begin with a full purse.
    place.says("s", ("ada", "hello"))
    assert budgets.look(place.backends, place.workspace).budget.month.hard == 3


def test_workspace_used_while_its_purge_waits_goes_with_all_that_was_added(place, owner_dsn):
    place.says("s", ("ada", "hello"))
    delete_session(place.backends, place.workspace, "s")
    delete_workspace(place.backends, place.workspace)
    place.says("t", ("ada", "canary"))
    forgets(place)
    assert residue(owner_dsn, place.workspace, "canary") == {}


def test_workspace_of_many_rows_is_forgotten_in_several_rounds(place, owner_dsn):
    for session in ("s", "t"):
        place.says(session, *[("ada", f"line {number}") for number in range(60)])
        delete_session(place.backends, place.workspace, session)
    delete_workspace(place.backends, place.workspace)
    hasty = replace(place.backends, clock=HastyClock(place.clock))
    for _ in range(50):
        relay(hasty)
        for wake_up in place.queue.take(TaskKind.FORGET):
            forget.forget(hasty, wake_up)
    assert residue(owner_dsn, place.workspace) == {}
