"""Erasing a peer: nothing it said, nobody's memory of it and no mention of its name in what we made is left."""

from dataclasses import replace
from typing import LiteralString

import pytest
from pydantic import SecretStr

from shared.domain.conclusion import Collection
from shared.domain.dream import DreamRequest
from shared.domain.errors import Invalid, NotFound
from shared.domain.session import ObservationSettings
from shared.domain.work import TaskKind
from shared.memory import cloning, dreams, peers, scopes, sessions, webhooks
from shared.memory.conclude import GivenConclusion, create_conclusions
from shared.memory.erase import erase, erase_message, erase_peer
from shared.memory.forget import delete_session
from shared.memory.status import queue_status
from shared.store import cards
from tests.support.backends import THEN
from tests.support.erasing import broken, do, repeating, settle
from tests.support.forgetting import forgets
from tests.support.residue import residue

MEMBERS: LiteralString = "SELECT session, peer FROM members WHERE workspace = %(workspace)s ORDER BY session, peer"


@pytest.fixture
def place(place):
    return repeating(place)


@pytest.fixture
def name(place) -> str:
    """A name that no other test of the database says."""
    return f"zqzelda{place.workspace[2:]}"


def traces(place) -> list[str]:
    """What `furnish` plants: a scan finds them as words, as stems and as ids."""
    kinds = "zelda meta aria song0 song4 friend rower card".split()
    return [f"zq{kind}{place.workspace[2:]}" for kind in kinds]


def furnish(place, name: str) -> None:
    """Two sessions in which the peer and another talk, watch each other and are remembered, one of them in a scope."""
    mark = place.workspace[2:]
    watching = ObservationSettings(observe_others=True)
    peers.get_or_create(place.backends, place.workspace, name, metadata={"of": f"zqmeta{mark}"}, configuration=None)
    scopes.get_or_create(place.backends, place.workspace, "team", metadata=None)
    for session in ("s", "t"):
        place.joins(session, **{name: watching, "bob": watching})
        place.says(session, *[("bob", f"row {number}") for number in range(5)], (name, f"I sing zqaria{mark}"))
        place.says(session, ("bob", "I row"), *[(name, f"zqsong{number}{mark}") for number in range(5)])
    scopes.add_sessions(place.backends, place.workspace, "team", ["s"])
    settle(place)
    given = [
        GivenConclusion("bob", name, None, f"a friend zqfriend{mark}"),
        GivenConclusion(name, "bob", "s", f"a rower zqrower{mark}"),
        GivenConclusion("bob", "bob", None, "bob himself"),
    ]
    create_conclusions(place.backends, place.workspace, given)
    with place.backends.db.transaction() as conn:
        for pair in ((name, name), ("bob", name), (name, "bob"), ("bob", "carl")):
            cards.put(conn, Collection(place.workspace, *pair), [f"zqcard{mark}" if name in pair else "parrot"], THEN)


def test_erased_peer_leaves_no_trace_in_any_table_and_others_theirs(place, name, owner_dsn):
    furnish(place, name)
    found = residue(owner_dsn, *traces(place))
    assert found.keys() >= {
        "peers", "members", "messages", "message_search", "term_stats", "conclusions", "summaries", "peer_cards",
        "work_units", "work_items", "work_windows",
    }  # fmt: skip
    erase_peer(place.backends, place.workspace, name)
    settle(place)
    assert residue(owner_dsn, *traces(place)) == {}
    assert place.rows(MEMBERS) == [
        {"session": "s", "peer": "bob"}, {"session": "s", "peer": "scope.team"}, {"session": "t", "peer": "bob"},
    ]  # fmt: skip
    assert place.count("messages") == 12
    assert {row["observer"] for row in place.conclusions()} == {"bob", "scope.team"}
    assert "bob himself" in [row["content"] for row in place.conclusions()]
    assert [row["entries"] for row in place.rows("SELECT * FROM peer_cards WHERE workspace = %(workspace)s")] == [
        ["parrot"]
    ]
    assert [row["kind"] for row in place.rows("SELECT * FROM summaries WHERE workspace = %(workspace)s")] == [
        "short"
    ] * 2
    assert broken(place) == {}


def test_name_of_an_erased_peer_is_free_and_nothing_returns(place, name):
    furnish(place, name)
    erase_peer(place.backends, place.workspace, name)
    settle(place)
    made, is_new = peers.get_or_create(place.backends, place.workspace, name, metadata=None, configuration=None)
    assert (is_new, made.metadata) == (True, {})
    [said] = place.says("s", (name, "hello again"))
    settle(place)
    assert said.seq == 13
    about = [row["content"] for row in place.conclusions() if name in (row["observer"], row["observed"])]
    assert set(about) == {"hello again"}
    with pytest.raises(NotFound):
        erase_peer(place.backends, place.workspace, "nobody")


def test_nothing_is_written_for_a_peer_while_it_is_erased(place, name):
    furnish(place, name)
    erase_peer(place.backends, place.workspace, name)
    here, watching = (place.backends, place.workspace), ObservationSettings()
    about = Collection(place.workspace, "bob", name)
    refused = [
        lambda: place.says("s", (name, "more")),
        lambda: place.says("new", ("bob", "more"), (name, "more")),
        lambda: peers.get_or_create(*here, name, metadata=None, configuration=None),
        lambda: peers.get_or_create(*here, name, metadata={"a": 1}, configuration=None),
        lambda: sessions.get_or_create(*here, "new", joining={name: watching}),
        lambda: sessions.set_peers(*here, "s", {name: watching}),
        lambda: sessions.set_observation(*here, "s", name, watching),
        lambda: create_conclusions(*here, [GivenConclusion("bob", name, None, "more")]),
        lambda: peers.write_card(place.backends, Collection(place.workspace, name, "bob"), ["more"]),
        lambda: peers.write_card(place.backends, about, ["more"]),
        lambda: dreams.schedule(
            place.backends, DreamRequest(Collection(place.workspace, "bob", name), "omni", "manual")
        ),
    ]
    for write in refused:
        with pytest.raises(NotFound):
            write()
    assert [row["name"] for row in place.rows("SELECT name FROM sessions WHERE workspace = %(workspace)s")] == [
        "s", "t",
    ]  # fmt: skip
    # Others go on meanwhile, and nothing is learnt for it any more.
    place.says("s", ("bob", "alone"))
    assert name not in place.items(place.unit("s", "bob"))[-1]["observers"]


def test_erase_peer_is_asked_for_once_and_a_scope_is_no_peer(place, name):
    furnish(place, name)
    for _ in range(2):
        erase_peer(place.backends, place.workspace, name)
    assert len(place.queue.take(TaskKind.ERASE)) == 1
    with pytest.raises(Invalid):
        erase_peer(place.backends, place.workspace, "scope.team")
    with pytest.raises(NotFound):
        erase_peer(place.backends, place.workspace + "-b", name)


def test_erasure_counts_as_pending_until_it_is_done(place, name):
    furnish(place, name)
    erase_peer(place.backends, place.workspace, name)
    assert queue_status(place.backends, place.workspace).total.pending == 1
    assert "" not in queue_status(place.backends, place.workspace).sessions
    [wake_up] = place.queue.take(TaskKind.ERASE)
    do(place, wake_up)
    by_session = queue_status(place.backends, place.workspace).sessions
    assert [by_session[session].pending for session in ("s", "t")] == [1, 1]
    settle(place)
    assert queue_status(place.backends, place.workspace).total.pending == 0


def test_sessions_let_go_of_the_peer_and_wake_who_waits_for_them(place, name):
    furnish(place, name)
    erase_peer(place.backends, place.workspace, name)
    [whole] = place.queue.take(TaskKind.ERASE)
    erase(place.backends, whole)
    parts = place.queue.take(TaskKind.ERASE)
    assert [wake_up.unit.session for wake_up in parts] == ["s", "t"]
    for wake_up in parts:
        erase(place.backends, wake_up)
    [again] = place.queue.take(TaskKind.ERASE)
    assert (again.unit, again.number > whole.number) == (whole.unit, True)
    erase(place.backends, again)
    assert place.rows("SELECT * FROM peers WHERE workspace = %(workspace)s AND NOT is_active") == []


def test_session_cloned_while_its_peer_is_erased_loses_it_too(place, name, owner_dsn):
    furnish(place, name)
    erase_peer(place.backends, place.workspace, name)
    for wake_up in place.queue.take(TaskKind.ERASE):
        erase(place.backends, wake_up)
    cloning.clone(place.backends, place.workspace, "s")
    settle(place)
    assert residue(owner_dsn, *traces(place)) == {}
    assert place.count("sessions") == 3
    assert broken(place) == {}


def test_peer_of_a_session_being_deleted_is_erased_when_that_is_gone(place, name, owner_dsn):
    furnish(place, name)
    delete_session(place.backends, place.workspace, "t")
    held = place.queue.take(TaskKind.FORGET)
    erase_peer(place.backends, place.workspace, name)
    for _ in range(3):
        for wake_up in place.queue.take(TaskKind.ERASE):
            erase(place.backends, wake_up)
    assert residue(owner_dsn, name).keys() >= {"peers", "members"}
    place.queue.sent += held
    forgets(place)
    settle(place)
    assert residue(owner_dsn, *traces(place)) == {}


def test_message_and_its_author_erased_together_are_both_gone(place, name, owner_dsn):
    furnish(place, name)
    other, said = place.says("s", ("bob", "zqparrot"), (name, "zqlast"))
    for message in (other, said):
        erase_message(place.backends, place.workspace, "s", message.id)
    erase_peer(place.backends, place.workspace, name)
    settle(place)
    assert residue(owner_dsn, *traces(place), "zqparrot", "zqlast", other.id, said.id) == {}
    assert broken(place) == {}


def test_events_that_an_endpoint_has_not_taken_name_the_peer_no_more(place, name, owner_dsn):
    place = place.configured(webhook={"secret": SecretStr("x"), "allow_private": True})
    place.joins("s", bob=ObservationSettings())
    webhooks.register(place.backends, place.workspace, "http://127.0.0.1:9/hook")
    place.says("s", (name, "hello"))
    settle(place, TaskKind.DERIVE, TaskKind.INDEX)
    assert "webhook_events" in residue(owner_dsn, name)
    erase_peer(place.backends, place.workspace, name)
    settle(place, TaskKind.ERASE)
    assert residue(owner_dsn, name) == {}
    [event] = place.rows("SELECT data FROM webhook_events WHERE workspace = %(workspace)s")
    assert event["data"]["observed"] == ""


def test_same_name_elsewhere_is_somebody_else(place, name, owner_dsn):
    there = replace(place, workspace=place.workspace + "-b")
    for one in (place, there):
        one.says("s", (name, f"zqin{one.workspace.replace('-', '')}"))
        settle(one, TaskKind.DERIVE, TaskKind.INDEX)
    erase_peer(place.backends, place.workspace, name)
    settle(place, TaskKind.ERASE)
    assert place.conclusions() == []
    assert [row["observed"] for row in there.conclusions()] == [name]
    assert there.count("messages") == 1
