"""Which work a batch of messages calls for."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.json import JsonObject
from shared.domain.work import TaskKind
from shared.memory.planning import Plan, defaults, derive_gate
from shared.settings import Settings
from shared.store.messages import NewMessage
from shared.store.outbox import Cadence, Gate
from shared.store.record import Scene, Witness

THEN = datetime(2031, 5, 6, tzinfo=UTC)


def plan(*witnesses: Witness, workspace: JsonObject | None = None, session: JsonObject | None = None, **settings):
    return Plan("w", "s", Scene(workspace, session, True, witnesses), Settings.model_validate(settings))


def message(peer: str, *, tokens: int = 10, configuration: JsonObject | None = None, is_reasoned: bool = True):
    return NewMessage(f"id-{peer}-{tokens}", peer, "text", tokens, {}, configuration, is_reasoned, THEN)


def test_items_are_one_to_derive_per_message_and_one_to_index_them_all():
    items = plan().items([message("ada", tokens=1), message("bob", tokens=2), message("ada", tokens=3)])
    derived = [(item.unit.observed, item.position, item.tokens, item.observers) for item in items[:-1]]
    assert derived == [("ada", 1, 1, ("ada",)), ("bob", 2, 2, ("bob",)), ("ada", 3, 3, ("ada",))]
    index = items[-1]
    assert (index.unit.kind, index.first_position, index.position, index.tokens) == (TaskKind.INDEX, 1, 3, 6)
    assert index.message_id == "id-ada-3"


def test_items_leave_out_what_is_not_reasoned_but_index_it():
    items = plan().items([message("ada", is_reasoned=False)])
    assert [item.unit.kind for item in items] == [TaskKind.INDEX]


def test_items_name_the_author_first_and_active_watchers_after_it_in_order():
    watchers = (Witness("zoe", True, True, True), Witness("ada", True, True, True), Witness("bob", True, True, True))
    [item, _] = plan(*watchers, Witness("mute", True, True, False)).items([message("ada")])
    assert item.observers == ("ada", "bob", "zoe")


def test_items_carry_the_instructions_in_force_for_their_message():
    planned = plan(workspace={"reasoning": {"custom_instructions": "w"}}, session={"reasoning": {}})
    own = message("ada", configuration={"reasoning": {"custom_instructions": "m"}})
    items = planned.items([own, message("ada")])
    assert [item.custom_instructions for item in items] == ["m", "w", None]


@pytest.mark.parametrize(
    ("witness", "configuration", "expected"),
    [
        (None, None, True),
        (Witness("ada", True, False, False), None, False),
        (Witness("ada", False, True, False), None, True),
        (None, {"reasoning": {"enabled": False}}, False),
        (Witness("ada", True, False, False), {"reasoning": {"enabled": True}}, False),
    ],
)
def test_is_reasoned_needs_reasoning_and_an_observed_author(witness, configuration, expected):
    assert plan(*([witness] if witness else [])).is_reasoned("ada", configuration) is expected


def test_is_reasoned_follows_the_server_where_nobody_sets_anything():
    assert not plan(deriver={"enabled": False}).is_reasoned("ada", None)
    assert plan(deriver={"enabled": False}, workspace={"reasoning": {"enabled": True}}).is_reasoned("ada", None)


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (None, Cadence(20, 60)),
        ({"summary": {"messages_per_short_summary": 10}}, Cadence(10, 60)),
        ({"summary": {"enabled": False}}, None),
    ],
)
def test_cadence_is_the_sessions(session, expected):
    assert plan(session=session).cadence() == expected


@pytest.mark.parametrize(
    ("deriver", "expected"),
    [
        ({}, Gate(1024, timedelta(seconds=1800))),
        ({"flush_enabled": True}, Gate(0, timedelta(seconds=1800))),
        ({"representation_batch_max_age_seconds": 0}, Gate(1024, None)),
        ({"representation_batch_work_unit_target_tokens": 512}, Gate(512, timedelta(seconds=1800))),
        ({"representation_batch_work_unit_target_tokens": 0}, Gate(0, timedelta(seconds=1800))),
    ],
)
def test_gate_is_the_configured_one(deriver, expected):
    assert derive_gate(Settings.model_validate({"deriver": deriver})) == expected


def test_gate_without_a_greatest_age_waits_for_ever():
    assert Gate(1024, None).aged_at(THEN) is None
    assert Gate(1024, timedelta(hours=1)).aged_at(THEN) == THEN + timedelta(hours=1)


def test_defaults_are_the_servers_settings():
    given = {"peer_card": {"enabled": False}, "dream": {"enabled": False}, "summary": {"messages_per_long_summary": 99}}
    found = defaults(Settings.model_validate(given))
    assert (found.use_card, found.create_card, found.dream, found.messages_per_long_summary) == (
        False,
        False,
        False,
        99,
    )
