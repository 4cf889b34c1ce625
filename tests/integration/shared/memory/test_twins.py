"""Batches that come twice without a key: retries of a lost answer are recognised, genuine twins stay two."""

import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from shared.domain.errors import AnswerPending, AnswerTooLate, NotFound
from shared.domain.message import Message, MessageDraft
from shared.domain.retry import Batch
from shared.memory import retries
from shared.memory.forget import delete_session
from shared.memory.record import record_messages
from tests.support.backends import THEN, FrozenClock
from tests.support.database_proxy import DatabaseProxy
from tests.support.dying import Died, FailingQueue, raises
from tests.support.forgetting import forgets
from tests.support.workplace import Workplace

SAID = ("ok", "and so on")
LIMIT = THEN + timedelta(seconds=29)
_runs = count()


def says(place: Workplace, *, fingerprint: str = "ok", answer_by=None, **queue) -> list[Message]:
    """One run of the batch; `then` happens where the wake-ups should be sent."""
    backends = replace(place.backends, queue=FailingQueue(**queue)) if queue else place.backends
    batch = Batch(place.workspace, "s", fingerprint, f"run {next(_runs)}", answer_by)
    drafts = [MessageDraft("ada", text) for text in SAID]
    return record_messages(backends, place.workspace, "s", drafts, batch=batch)


def dies(place: Workplace) -> None:
    with pytest.raises(Died):
        says(place, then=raises(Died()))


def stored(place: Workplace) -> list[str]:
    return [row["id"] for row in place.rows("SELECT id FROM messages WHERE workspace = %(workspace)s ORDER BY seq")]


def ids(said: list[Message]) -> list[str]:
    return [message.id for message in said]


def test_two_genuine_identical_batches_stay_two(place):
    first, second = says(place), says(place)
    assert stored(place) == [*ids(first), *ids(second)]
    assert place.count("unanswered_batches") == 0


def test_batch_whose_run_ended_before_its_answer_is_answered_with_what_it_wrote(place):
    dies(place)
    place.clock.advance(seconds=31)
    again = says(place)
    assert ids(again) == stored(place)
    assert [(message.seq, message.content) for message in again] == [(1, SAID[0]), (2, SAID[1])]
    assert [row["seq"] for row in place.items(place.unit("s", "ada"))] == [1, 2]


def test_lost_answer_is_made_good_once_and_the_next_in_the_same_words_is_new(place):
    dies(place)
    place.clock.advance(seconds=31)
    says(place)
    assert ids(says(place)) == stored(place)[2:]
    assert len(stored(place)) == 4


def test_batch_that_comes_again_later_than_two_minutes_is_new(place):
    dies(place)
    place.clock.advance(seconds=30, minutes=2)
    says(place)
    assert len(stored(place)) == 4
    retries.purge(place.backends)
    assert place.count("unanswered_batches") == 0


@pytest.mark.parametrize("other", ["other words", "another caller"])
def test_batch_of_other_words_is_not_taken_for_the_lost_one(place, other):
    dies(place)
    place.clock.advance(seconds=31)
    says(place, fingerprint=other)
    assert len(stored(place)) == 4


def test_batch_that_comes_again_while_the_first_may_be_alive_is_told_when_to_come_back(place):
    dies(place)
    with pytest.raises(AnswerPending) as caught:
        says(place)
    assert caught.value.retry_after_s == 30
    assert len(stored(place)) == 2
    place.clock.advance(seconds=caught.value.retry_after_s)
    assert ids(says(place)) == stored(place)


def test_genuine_twins_at_the_same_time_wait_for_each_other_and_stay_two(place, app_dsn):
    """The second comes between the commit and the answer of the first."""
    second: list[Message] = []
    with DatabaseProxy(app_dsn) as proxy:
        there = replace(place, backends=place.backends_at(proxy.dsn))
        twin = threading.Thread(target=lambda: second.extend(says(there)))

        def meet() -> None:
            twin.start()
            deadline = time.monotonic() + 10
            # More than one run needs: it looks again and again.
            while proxy.trips < 30:
                assert time.monotonic() < deadline

        first = says(place, then=meet)
        twin.join(10)
        there.backends.db.close()
    assert len(second) == 2
    assert stored(place) == [*ids(first), *ids(second)]
    assert place.count("unanswered_batches") == 0


def test_batch_whose_answer_would_come_too_late_is_undone(place):
    slow = replace(place, backends=replace(place.backends, clock=JumpingClock(place.clock, 26)))
    with pytest.raises(AnswerTooLate):
        says(slow, answer_by=LIMIT)
    assert stored(place) == []
    assert ids(says(place)) == stored(place)


def test_batch_whose_answer_came_too_late_is_answered_when_it_comes_again(place):
    """What was left to do after the commit took longer than the caller waited."""
    late = says(place, answer_by=LIMIT, then=lambda: place.clock.advance(seconds=30))
    assert ids(says(place)) == ids(late) == stored(place)
    assert len(says(place)) == 2
    assert len(stored(place)) == 4


def test_answer_given_again_that_is_lost_too_is_given_once_more(place):
    dies(place)
    place.clock.advance(seconds=31)
    again = says(place, answer_by=place.clock.now() - timedelta(seconds=1))
    assert ids(says(place)) == ids(again) == stored(place)


def test_batch_noted_before_the_database_started_proves_nothing(place, owner_dsn):
    """The mark of an answer that went out may have been lost with the crash."""
    dies(place)
    place.clock.advance(seconds=31)
    with place.backends.db.transaction() as conn:
        conn.execute("UPDATE unanswered_batches SET created_at = pg_postmaster_start_time() - interval '1 second'")
    says(place)
    assert len(stored(place)) == 4


def test_answer_is_marked_as_given_though_the_line_was_cut_at_the_mark(place, app_dsn):
    with DatabaseProxy(app_dsn) as proxy:
        mine = replace(place, backends=place.backends_at(proxy.dsn))
        mine.says("warm", ("ada", "up"))
        proxy.cut_at("before", b"DELETE FROM unanswered_batches")
        says(mine)
        mine.backends.db.close()
        assert proxy.is_sprung
    assert place.count("unanswered_batches") == 0


def test_batch_of_a_session_that_was_deleted_is_forgotten_with_it(place):
    dies(place)
    delete_session(place.backends, place.workspace, "s")
    with pytest.raises(NotFound):
        place.says("s", ("ada", "more"))
    forgets(place)
    assert place.count("unanswered_batches") == 0
    place.clock.advance(seconds=31)
    assert [message.seq for message in says(place)] == [1, 2]


@dataclass
class JumpingClock:
    """Goes on by `seconds` when it is looked at for the second time: in the middle of the transaction."""

    clock: FrozenClock
    seconds: float
    looks: int = 0

    def now(self) -> datetime:
        self.looks += 1
        return self.clock.advance(seconds=self.seconds) if self.looks == 2 else self.clock.now()
