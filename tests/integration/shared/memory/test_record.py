"""Recording messages: everything or nothing, in order, with the work they call for."""

from collections.abc import Sequence
from dataclasses import replace

import psycopg
import pytest

from shared.domain.errors import Invalid, NameInvalid, NotFound
from shared.domain.message import MessageDraft
from shared.domain.session import ObservationSettings
from shared.domain.work import TaskKind, WakeUp
from shared.memory.record import draft
from shared.store import members, messages
from tests.support.backends import THEN
from tests.support.database_proxy import DatabaseProxy

TABLES = ("workspaces", "peers", "sessions", "members", "messages", "work_units", "work_items")


def test_record_in_a_new_workspace_makes_everything_that_is_missing(place):
    stored = place.says("s", ("bob", "one"), ("ada", "two"), ("bob", "three"))

    assert [(m.seq, m.peer, m.content) for m in stored] == [(1, "bob", "one"), (2, "ada", "two"), (3, "bob", "three")]
    with place.backends.db.reading() as conn:
        assert messages.in_range(conn, place.workspace, "s", 1, 9) == stored
    assert {row["peer"] for row in place.rows("SELECT peer FROM members WHERE workspace = %(workspace)s")} == {
        "ada",
        "bob",
    }
    assert place.rows("SELECT last_seq FROM sessions WHERE workspace = %(workspace)s")[0]["last_seq"] == 3


def test_record_plans_one_item_to_derive_per_message_and_one_to_index_them_all(place):
    stored = place.says("s", ("bob", "one"), ("ada", "two"), ("bob", "three"))

    bob, ada = place.items(place.unit("s", "bob")), place.items(place.unit("s", "ada"))
    assert [(row["seq"], row["message_id"]) for row in bob] == [(1, stored[0].id), (3, stored[2].id)]
    assert [(row["seq"], row["message_id"]) for row in ada] == [(2, stored[1].id)]
    [index] = place.items(place.unit("s", kind=TaskKind.INDEX))
    assert (index["first_seq"], index["seq"], index["tokens"]) == (1, 3, sum(m.token_count for m in stored))
    row = place.unit_row(place.unit("s", "bob"))
    assert (row["pending_items"], row["pending_tokens"]) == (2, stored[0].token_count + stored[2].token_count)


@pytest.mark.parametrize("table", ["messages", "work_units", "work_items"])
def test_record_when_a_statement_fails_leaves_nothing(place, owner_dsn, table):
    refused = f"ALTER TABLE {table} ADD CONSTRAINT refused CHECK (workspace <> '{place.workspace}')"
    with psycopg.connect(owner_dsn) as owner:
        owner.execute(refused)
    try:
        with pytest.raises(psycopg.errors.CheckViolation):
            place.says("s", ("ada", "one"), ("ada", "two"))
        assert {name: place.count(name) for name in TABLES if name != "workspaces"} == dict.fromkeys(TABLES[1:], 0)
        assert place.rows("SELECT name FROM workspaces WHERE name = %(workspace)s") == []
        assert place.queue.sent == []
    finally:
        with psycopg.connect(owner_dsn) as owner:
            owner.execute(f"ALTER TABLE {table} DROP CONSTRAINT refused")


def test_record_after_a_failure_uses_a_sound_connection(place):
    with pytest.raises(psycopg.errors.CheckViolation), place.backends.db.transaction() as conn:
        conn.execute("INSERT INTO workspaces (name, uid) VALUES ('', 'x')")
    assert place.says("s", ("ada", "one"))[0].seq == 1


def test_record_in_a_session_under_deletion_raises_and_writes_nothing(place):
    place.says("s", ("ada", "one"))
    with place.backends.db.transaction() as conn:
        conn.execute("UPDATE sessions SET is_active = false WHERE workspace = %s", [place.workspace])
    before = {name: place.count(name) for name in TABLES[1:]}
    place.queue.take()

    with pytest.raises(NotFound):
        place.says("s", ("ada", "two"), ("newcomer", "three"))

    assert {name: place.count(name) for name in TABLES[1:]} == before
    assert place.unit_row(place.unit("s", "ada"))["pending_items"] == 1
    assert place.queue.sent == []


def test_record_does_not_stamp_memberships_that_exist_again(place):
    place.says("s", ("ada", "one"))
    place.clock.advance(minutes=5)
    place.says("s", ("ada", "two"), ("bob", "three"))

    with place.backends.db.reading() as conn:
        ada, bob = (members.get(conn, place.workspace, "s", peer) for peer in ("ada", "bob"))
    assert (ada.joined_at, bob.joined_at) == (THEN, place.clock.moment)


def test_record_when_the_author_has_left_lets_it_join_again(place):
    place.joins("s", ada=ObservationSettings(observe_others=True))
    with place.backends.db.transaction() as conn:
        members.leave(conn, place.workspace, "s", ["ada"], place.clock.advance(minutes=1))
    place.clock.advance(minutes=1)

    place.says("s", ("ada", "back"))

    with place.backends.db.reading() as conn:
        ada = members.get(conn, place.workspace, "s", "ada")
    assert (ada.is_active, ada.joined_at) == (True, place.clock.moment)


def test_record_names_the_author_first_and_then_who_watches(place):
    place.joins(
        "s",
        zoe=ObservationSettings(observe_others=True),
        bob=ObservationSettings(observe_others=True),
        mute=ObservationSettings(),
        ann=ObservationSettings(observe_others=True),
    )
    with place.backends.db.transaction() as conn:
        members.leave(conn, place.workspace, "s", ["ann"], THEN)

    place.says("s", ("ada", "one"), ("bob", "two"))

    assert [row["observers"] for row in place.items(place.unit("s", "ada"))] == [["ada", "bob", "zoe"]]
    assert [row["observers"] for row in place.items(place.unit("s", "bob"))] == [["bob", "zoe"]]


def test_record_when_the_author_is_not_observed_plans_nothing_to_derive(place):
    place.joins("s", ada=ObservationSettings(observe_me=False), bob=ObservationSettings(observe_others=True))

    place.says("s", ("ada", "one"), ("bob", "two"))

    assert {row["unit"] for row in place.rows("SELECT unit FROM work_units WHERE workspace = %(workspace)s")} == {
        "derive:s:bob",
        "index:s:",
    }
    found = place.rows("SELECT peer, is_reasoned FROM messages WHERE workspace = %(workspace)s ORDER BY seq")
    assert [row["is_reasoned"] for row in found] == [False, True]


@pytest.mark.parametrize(("own", "on_peer", "expected"), [(None, False, 0), (True, False, 1), (None, "perhaps", 1)])
def test_record_reads_observe_me_from_the_membership_before_the_peer(place, own, on_peer, expected):
    place.joins("s", ada=ObservationSettings(observe_me=own))
    with place.backends.db.transaction() as conn:
        conn.execute(
            "UPDATE peers SET configuration = jsonb_build_object('observe_me', %s::jsonb) WHERE workspace = %s",
            ['"perhaps"' if on_peer == "perhaps" else str(on_peer).lower(), place.workspace],
        )

    place.says("s", ("ada", "one"))

    assert place.rows(
        "SELECT count(*) AS n FROM work_items WHERE workspace = %(workspace)s AND unit = 'derive:s:ada'"
    ) == [{"n": expected}]


def test_record_takes_the_configuration_of_each_message_for_itself(place):
    place.says(
        "s",
        MessageDraft("ada", "one", configuration={"reasoning": {"enabled": False}}),
        MessageDraft("ada", "two", configuration={"reasoning": {"custom_instructions": "be brief"}}),
        MessageDraft("ada", "three"),
    )

    found = [(row["seq"], row["custom_instructions"]) for row in place.items(place.unit("s", "ada"))]
    assert found == [(2, "be brief"), (3, None)]


def test_record_reads_workspace_and_session_configuration_from_what_is_stored(place):
    place.says("s", ("ada", "one"))
    with place.backends.db.transaction() as conn:
        conn.execute(
            """UPDATE workspaces SET configuration = '{"reasoning": {"enabled": false, "custom_instructions": "w"}}'
                WHERE name = %s""",
            [place.workspace],
        )
        conn.execute(
            'UPDATE sessions SET configuration = \'{"reasoning": {"enabled": true}}\' WHERE workspace = %s',
            [place.workspace],
        )

    place.says("s", ("ada", "two"))
    place.says("t", ("ada", "elsewhere"))

    assert [row["custom_instructions"] for row in place.items(place.unit("s", "ada"))] == [None, "w"]
    assert place.items(place.unit("t", "ada")) == []


def test_record_counts_the_text_of_a_special_token_as_plain_text(place):
    stored = place.says("s", ("ada", "<|endoftext|>"), ("ada", ""))
    assert [m.token_count for m in stored] == [7, 0]
    assert [row["tokens"] for row in place.items(place.unit("s", "ada"))] == [7, 0]


def test_record_keeps_metadata_and_the_time_it_is_given(place):
    said_at = THEN.replace(year=2019)
    given = draft("ada", "nul\x00free", {"a\x00": ["b\x00", 1]}, created_at=said_at.replace(tzinfo=None))
    [stored] = place.says("s", given)
    assert (stored.content, stored.metadata, stored.created_at) == ("nulfree", {"a": ["b", 1]}, said_at)
    with place.backends.db.reading() as conn:
        assert messages.get(conn, place.workspace, "s", stored.id) == stored


@pytest.mark.parametrize(
    ("session", "peer", "error"),
    [("has space", "ada", NameInvalid), ("s", "a:b", NameInvalid), ("s", "scope.x", Invalid), ("", "ada", NameInvalid)],
)
def test_record_under_a_bad_name_writes_nothing(place, session, peer, error):
    with pytest.raises(error):
        place.says(session, ("ada", "fine"), (peer, "not fine"))
    assert place.count("sessions") == 0


def test_record_when_the_database_is_lost_after_the_commit_still_gives_the_messages(place, app_dsn):
    with DatabaseProxy(app_dsn) as proxy:
        mine = replace(place, backends=place.backends_at(proxy.dsn, queue=Severing(proxy)))
        [stored] = mine.says("s", ("ada", "one"))
        mine.backends.db.close()

    assert stored.seq == 1
    row = place.unit_row(place.unit("s", kind=TaskKind.INDEX))
    assert (row["is_woken"], row["sent_at"]) == (True, None)


class Severing:
    """Takes the wake-ups, and after that the database is out of reach."""

    def __init__(self, proxy: DatabaseProxy) -> None:
        self._proxy = proxy

    def send(self, wake_ups: Sequence[WakeUp]) -> list[WakeUp]:
        self._proxy.sever()
        return list(wake_ups)
