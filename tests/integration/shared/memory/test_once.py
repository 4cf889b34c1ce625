"""A request with a key, interrupted at every moment: one row, one derivation, one answer."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.domain.errors import DatabaseUnavailable, NotFound, StillRunning
from shared.domain.message import Message, MessageDraft
from shared.domain.retry import KeptAnswer, KeyedRequest
from shared.memory import peers
from shared.memory.note import Note
from shared.memory.once import keep, once
from shared.memory.record import record_messages
from shared.store.database import Connection
from tests.support.database_proxy import DatabaseProxy, Moment
from tests.support.dying import Died, FailingQueue, raises
from tests.support.workplace import Workplace

MOMENTS: tuple[Moment, ...] = ("before", "answer")


def asks(
    place: Workplace, token: str = "first", *, before: Callable[[], object] | None = None, text: str = "hello"
) -> str | KeptAnswer:
    """Says something under the key `k`; gives the id of the message, or the answer that was kept."""
    request = KeyedRequest(place.workspace, "ada", "k", text, token)

    def tell(conn: Connection, made: list[Message]) -> None:
        if before is not None:
            before()
        keep(conn, request, KeptAnswer(201, made[0].id), [])

    def do() -> str:
        drafts = [MessageDraft("ada", text)]
        return record_messages(place.backends, place.workspace, "s", drafts, note=Note(tell, is_kept=True))[0].id

    return once(place.backends, request, do)


def stored(place: Workplace) -> list[str]:
    return [row["id"] for row in place.rows("SELECT id FROM messages WHERE workspace = %(workspace)s")]


def derivations(place: Workplace) -> int:
    return len(place.items(place.unit("s", "ada")))


def test_once_when_the_process_ends_before_the_commit_runs_again_after_the_lease(place):
    with pytest.raises(Died):
        asks(place, before=raises(Died()))
    assert stored(place) == []
    with pytest.raises(StillRunning):
        asks(place, "second")
    place.clock.advance(seconds=31)
    assert [asks(place, "third")] == stored(place)
    assert derivations(place) == 1


def test_once_when_the_process_ends_right_after_the_commit_answers_what_was_committed(place):
    ending = replace(place, backends=replace(place.backends, queue=FailingQueue(then=raises(Died()))))
    with pytest.raises(Died):
        asks(ending)
    [made] = stored(place)
    assert asks(place, "second") == KeptAnswer(201, made, "first")
    assert (stored(place), derivations(place)) == ([made], 1)


def test_once_when_the_first_comes_back_after_its_lease_gives_the_second_ones_answer(place):
    """It was frozen in the middle of its transaction, and another took over; what it did is undone."""
    taken: list[object] = []

    def overtaken() -> None:
        place.clock.advance(seconds=31)
        # The first holds no row of a session yet: it made that, and nobody else can see it.
        with place.backends.db.transaction() as conn:
            conn.execute(
                "UPDATE idempotency_keys SET token = 'second', status = 201, body = 'other' WHERE workspace = %s",
                [place.workspace],
            )
        taken.append(True)

    assert asks(place, before=overtaken) == KeptAnswer(201, "other", "second")
    assert taken == [True]
    assert stored(place) == []


def test_once_when_refused_frees_the_key(place):
    request = KeyedRequest(place.workspace, "ada", "k", "f", "t")
    with pytest.raises(NotFound):
        once(place.backends, request, raises(NotFound()))
    assert place.count("idempotency_keys") == 0


@pytest.mark.parametrize("words", [b"idempotency_keys AS k", b"BEGIN", b"UPDATE sessions", b"SET status", b"COMMIT"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_once_when_the_line_is_cut_anywhere_happens_once_and_is_answered(place, app_dsn, moment, words):
    with DatabaseProxy(app_dsn) as proxy:
        mine = replace(place, backends=place.backends_at(proxy.dsn))
        mine.says("warm", ("ada", "up"))
        proxy.cut_at(moment, words)
        first = asks(mine, text="cut")
        mine.backends.db.close()
        assert proxy.is_sprung
    again = asks(place, "second", text="cut")
    assert isinstance(again, KeptAnswer)
    assert again.body == (first.body if isinstance(first, KeptAnswer) else first)
    assert [row["content"] for row in place.rows("SELECT content FROM messages WHERE workspace = %(workspace)s")] == [
        "up",
        "cut",
    ]


@pytest.mark.parametrize("moment", MOMENTS)
def test_once_when_the_commit_of_a_get_or_create_is_unclear_gives_the_answer_that_was_kept(place, app_dsn, moment):
    request = KeyedRequest(place.workspace, "ada", "k", "f", "t")

    def do(backends) -> Callable[[], bool]:
        note = Note(lambda conn, made: keep(conn, request, KeptAnswer(201 if made[1] else 200, None), []), True)
        return lambda: peers.get_or_create(
            backends, place.workspace, "new", metadata={}, configuration=None, note=note
        )[1]

    with DatabaseProxy(app_dsn) as proxy:
        backends = place.backends_at(proxy.dsn)
        peers.ensure(backends, place.workspace, "warm")
        proxy.cut_at(moment, b"SET status" if moment == "before" else b"COMMIT")
        given = once(backends, request, do(backends))
        backends.db.close()
    assert given in (True, KeptAnswer(201, None, "t"))
    assert once(place.backends, replace(request, token="u"), do(place.backends)) == KeptAnswer(201, None, "t")


def test_once_when_the_database_is_gone_after_the_commit_is_an_outage_and_the_retry_a_replay(place, app_dsn):
    with DatabaseProxy(app_dsn) as proxy:
        mine = replace(place, backends=place.backends_at(proxy.dsn))
        mine.says("warm", ("ada", "up"))

        def cut_at_the_commit() -> None:
            proxy.cut_at("answer")
            proxy.refuse()

        with pytest.raises(DatabaseUnavailable):
            asks(mine, before=cut_at_the_commit)
        mine.backends.db.close()
    again = asks(place, "second")
    assert isinstance(again, KeptAnswer)
    assert again.body in stored(place)
    assert derivations(place) == 1
