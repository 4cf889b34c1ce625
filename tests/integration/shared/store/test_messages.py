"""Messages: places without gaps, and reading back as much as a budget allows."""

import pytest

from shared.domain.message import MessageDraft
from shared.store import messages
from shared.store.messages import NewMessage


def new(place, *names: str, **columns: object) -> list[NewMessage]:
    fields = {"peer": "ada", "content": "text", "token_count": 1, "metadata": {}, "configuration": None}
    now = place.clock.moment
    return [NewMessage(**{"id": name, "is_reasoned": True, "created_at": now, **fields, **columns}) for name in names]


@pytest.fixture
def place(place):
    place.says("s", ("ada", "first"))
    return place


def insert(place, batch: list[NewMessage], session: str = "s") -> list[int]:
    with place.backends.db.transaction() as conn:
        return messages.insert(conn, place.workspace, session, batch).read()


def test_insert_gives_the_next_places_in_the_order_of_the_batch(place):
    assert insert(place, new(place, "z", "a", "m")) == [2, 3, 4]
    with place.backends.db.reading() as conn:
        stored = messages.in_range(conn, place.workspace, "s", 2, 4)
    assert [(message.seq, message.id) for message in stored] == [(2, "z"), (3, "a"), (4, "m")]


def test_insert_counts_each_session_for_itself(place):
    place.says("t", ("ada", "elsewhere"))
    assert insert(place, new(place, "a")) == insert(place, new(place, "b"), "t") == [2]


@pytest.mark.parametrize("session", ["nowhere", "closed"])
def test_insert_where_nothing_may_be_added_gives_no_place(place, session):
    if session == "closed":
        place.says(session, ("ada", "x"))
        with place.backends.db.transaction() as conn:
            conn.execute(
                "UPDATE sessions SET is_active = false WHERE workspace = %s AND name = %s", [place.workspace, session]
            )
    assert insert(place, new(place, "a"), session) == []


def test_insert_undone_leaves_no_gap(place):
    def work(conn) -> None:
        assert messages.insert(conn, place.workspace, "s", new(place, "a", "b")).read() == [2, 3]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        place.backends.db.run(work)
    assert insert(place, new(place, "c")) == [2]


def test_message_keeps_what_it_was_given(place):
    metadata = {"a": [1, {"b": "ü"}], "c": None}
    insert(place, new(place, "a", content="line\n\t'quoted' \\ 💡 {}", metadata=metadata, token_count=9))
    with place.backends.db.reading() as conn:
        found = messages.get(conn, place.workspace, "s", "a")
        assert messages.get(conn, place.workspace, "t", "a") is None
        assert messages.get(conn, "other", "s", "a") is None
        assert messages.by_ids(conn, place.workspace, ["a", "zz"]) == {"a": found}
    assert (found.content, found.metadata, found.token_count) == ("line\n\t'quoted' \\ 💡 {}", metadata, 9)


def test_set_metadata_replaces_it_as_a_whole(place):
    insert(place, new(place, "a", metadata={"old": 1}))
    with place.backends.db.transaction() as conn:
        changed = messages.set_metadata(conn, place.workspace, "s", "a", {"new": 2})
        assert messages.set_metadata(conn, place.workspace, "s", "nobody", {}) is None
    assert changed.metadata == {"new": 2}


def test_with_context_shows_what_a_deriver_may_see_of_others(place):
    off = {"reasoning": {"enabled": False}}
    place.says("c", ("bob", "before"), ("bob", "just before"), ("ada", "mine"), ("ada", "another window's"))
    place.says("c", MessageDraft("bob", "hidden", configuration=off), ("bob", "seen"), ("ada", "mine too"))
    with place.backends.db.reading() as conn:
        found = messages.with_context(conn, place.workspace, "c", "ada", [3, 7], most=9)
        fewer = messages.with_context(conn, place.workspace, "c", "ada", [3, 7], most=1)
    assert [message.content for message in found] == ["just before", "mine", "seen", "mine too"]
    assert [message.content for message in fewer] == ["mine", "seen", "mine too"]


@pytest.mark.parametrize(
    ("tokens", "first", "expected"),
    [
        (0, 1, []),
        (9, 1, []),
        (10, 1, [200]),
        (29, 1, [199, 200]),
        (10_000, 1, list(range(1, 201))),
        (10_000, 198, [198, 199, 200]),
        (10, 198, [200]),
        (-1, 1, []),
    ],
)
def test_newest_within_gives_what_the_budget_holds_oldest_first(place, tokens, first, expected):
    insert(place, new(place, *(f"m{n}" for n in range(2, 201)), token_count=10))
    with place.backends.db.reading() as conn:
        conn.execute("UPDATE messages SET token_count = 10 WHERE workspace = %s", [place.workspace])
        found = messages.newest_within(conn, place.workspace, "s", tokens=tokens, first=first)
    assert [message.seq for message in found] == expected


def test_newest_within_stops_at_the_first_that_does_not_fit(place):
    insert(place, [*new(place, "small", token_count=1), *new(place, "large", token_count=50), *new(place, "last")])
    with place.backends.db.reading() as conn:
        found = messages.newest_within(conn, place.workspace, "s", tokens=20)
    assert [message.id for message in found] == ["last"]


def test_newest_within_takes_messages_without_tokens_when_the_budget_is_spent(place):
    insert(place, [*new(place, "empty", token_count=0), *new(place, "full", token_count=5)])
    with place.backends.db.reading() as conn:
        found = messages.newest_within(conn, place.workspace, "s", tokens=5)
    assert [message.id for message in found] == ["empty", "full"]


@pytest.mark.parametrize("first", [1, 230, 450])
@pytest.mark.parametrize("tokens", [0, 7, 350, 1400, 1401, 2800, 3142, 3143, 100_000])
def test_newest_within_a_long_session_gives_what_counting_back_gives(place, tokens, first):
    insert(place, [one for n in range(450) for one in new(place, f"m{n}", token_count=n % 15)])
    expected, left = list[int](), tokens
    with place.backends.db.reading() as conn:
        for message in reversed(messages.in_range(conn, place.workspace, "s", first, 10_000)):
            left -= message.token_count
            if left < 0:
                break
            expected.insert(0, message.seq)
        found = messages.newest_within(conn, place.workspace, "s", tokens=tokens, first=first)
    assert [message.seq for message in found] == expected
