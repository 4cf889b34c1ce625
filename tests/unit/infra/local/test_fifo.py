"""The FIFO state machine: examples for each promise, and a model that random histories are held against."""

from dataclasses import replace

import pytest

from infra.local.fifo import MAX_VISIBILITY_S, Depth, FifoQueue, FifoRules
from infra.local.fifo_message import Draft, ReceivedMessage, StoredMessage
from infra.local.queues import AdjustableClock
from infra.local.sqs_errors import InvalidParameterValue, MessageNotInflight, ReceiptHandleIsInvalid

RULES = FifoRules(visibility_s=30)


def a_clock() -> AdjustableClock:
    return AdjustableClock(lambda: 1_000.0)


def a_queue(clock: AdjustableClock, rules: FifoRules = RULES) -> FifoQueue:
    return FifoQueue("q.fifo", rules, clock)


def given_messages(queue: FifoQueue, *bodies: str, group: str = "g") -> None:
    for body in bodies:
        queue.send(Draft(body, group, f"dedup-{group}-{body}"))


def bodies(received: list[ReceivedMessage]) -> list[str]:
    return [message.body for message in received]


def test_receive_when_a_group_is_in_flight_serves_only_other_groups() -> None:
    queue = a_queue(a_clock())
    given_messages(queue, "a1", "a2", group="a")
    given_messages(queue, "b1", group="b")
    assert bodies(queue.receive(1)) == ["a1"]
    assert bodies(queue.receive(10)) == ["b1"]
    assert queue.receive(10) == []


def test_delete_when_part_of_the_batch_is_in_flight_keeps_the_group_locked() -> None:
    queue = a_queue(a_clock())
    given_messages(queue, "1", "2", "3")
    first, second = queue.receive(2)
    queue.delete(first.receipt)
    assert queue.receive(10) == []
    queue.delete(second.receipt)
    assert bodies(queue.receive(10)) == ["3"]


def test_receive_after_a_batch_timed_out_starts_again_at_its_head() -> None:
    clock = a_clock()
    queue = a_queue(clock)
    given_messages(queue, "1", "2", "3")
    queue.receive(2)
    clock.advance(30)
    again = queue.receive(3)
    assert bodies(again) == ["1", "2", "3"]
    assert [message.receive_count for message in again] == [2, 2, 1]


def test_receive_when_a_follower_was_released_first_waits_for_the_head() -> None:
    queue = a_queue(a_clock())
    given_messages(queue, "1", "2", "3")
    head, follower, last = queue.receive(3)
    queue.change_visibility(last.receipt, 0)
    queue.change_visibility(follower.receipt, 0)
    assert queue.receive(10) == []
    queue.change_visibility(head.receipt, 0)
    assert bodies(queue.receive(10)) == ["1", "2", "3"]


def test_change_visibility_when_extended_keeps_the_group_locked_past_the_first_timeout() -> None:
    clock = a_clock()
    queue = a_queue(clock)
    given_messages(queue, "1")
    [message] = queue.receive()
    queue.change_visibility(message.receipt, 100)
    clock.advance(99)
    assert queue.receive() == []
    clock.advance(1)
    assert bodies(queue.receive()) == ["1"]


def test_change_visibility_when_beyond_twelve_hours_is_refused() -> None:
    clock = a_clock()
    queue = a_queue(clock, replace(RULES, visibility_s=MAX_VISIBILITY_S))
    given_messages(queue, "1")
    [message] = queue.receive()
    clock.advance(60)
    with pytest.raises(InvalidParameterValue, match="beyond the limit"):
        queue.change_visibility(message.receipt, MAX_VISIBILITY_S)


def test_change_visibility_when_the_message_came_back_is_refused() -> None:
    clock = a_clock()
    queue = a_queue(clock)
    given_messages(queue, "1")
    [message] = queue.receive()
    clock.advance(30)
    with pytest.raises(MessageNotInflight):
        queue.change_visibility(message.receipt, 10)


def test_receive_with_visibility_zero_counts_without_locking() -> None:
    queue = a_queue(a_clock())
    given_messages(queue, "1")
    queue.receive(visibility_s=0)
    assert queue.receive()[0].receive_count == 2


def test_send_when_repeated_within_five_minutes_answers_with_the_first_ids_even_after_delete() -> None:
    clock = a_clock()
    queue = a_queue(clock)
    first = queue.send(Draft("1", "g", "d"))
    assert queue.send(Draft("other body", "g", "d")) == first
    queue.delete(queue.receive()[0].receipt)
    clock.advance(299)
    assert queue.send(Draft("1", "g", "d")) == first
    assert queue.depth() == Depth(0, 0, 0)
    clock.advance(1)
    assert queue.send(Draft("1", "g", "d")) != first
    assert queue.depth() == Depth(1, 0, 0)


def test_send_when_deduplicated_by_queue_swallows_the_other_groups_message() -> None:
    queue = a_queue(a_clock())
    assert queue.send(Draft("a", "a", "d")) == queue.send(Draft("b", "b", "d"))


def test_send_when_deduplicated_by_group_keeps_the_other_groups_message() -> None:
    queue = a_queue(a_clock(), replace(RULES, dedup_per_group=True))
    first = queue.send(Draft("a", "a", "d"))
    assert queue.send(Draft("b", "b", "d")) != first
    assert queue.send(Draft("a", "a", "d")) == first


def test_receive_when_the_attempt_is_repeated_gives_the_same_receipts_and_a_fresh_timeout() -> None:
    clock = a_clock()
    queue = a_queue(clock)
    given_messages(queue, "1", "2")
    first = queue.receive(2, attempt_id="once")
    clock.advance(20)
    assert queue.receive(2, attempt_id="once") == first
    clock.advance(20)
    assert queue.depth() == Depth(0, 2, 0)


def test_receive_when_a_message_of_the_attempt_was_deleted_does_not_replay_it() -> None:
    queue = a_queue(a_clock())
    given_messages(queue, "1", "2")
    first = queue.receive(2, attempt_id="once")
    queue.delete(first[0].receipt)
    assert queue.receive(2, attempt_id="once") == []


def test_receive_when_the_visibility_of_the_attempt_was_changed_does_not_replay_it() -> None:
    queue = a_queue(a_clock())
    given_messages(queue, "1")
    [message] = queue.receive(attempt_id="once")
    queue.change_visibility(message.receipt, 100)
    assert queue.receive(attempt_id="once") == []


def test_receive_when_the_attempt_timed_out_takes_the_messages_anew() -> None:
    clock = a_clock()
    queue = a_queue(clock)
    given_messages(queue, "1")
    first = queue.receive(attempt_id="once")
    clock.advance(30)
    again = queue.receive(attempt_id="once")
    assert again[0].receive_count == 2
    assert again[0].receipt != first[0].receipt


def test_delete_when_the_receipt_timed_out_is_refused_and_the_message_stays() -> None:
    clock = a_clock()
    queue = a_queue(clock)
    given_messages(queue, "1")
    [message] = queue.receive()
    clock.advance(30)
    with pytest.raises(InvalidParameterValue, match="receipt handle has expired"):
        queue.delete(message.receipt)
    assert bodies(queue.receive()) == ["1"]


def test_delete_when_repeated_is_accepted() -> None:
    queue = a_queue(a_clock())
    given_messages(queue, "1")
    [message] = queue.receive()
    queue.delete(message.receipt)
    queue.delete(message.receipt)
    assert queue.depth() == Depth(0, 0, 0)


@pytest.mark.parametrize("receipt", ["", "nonsense", "é", "b3RoZXIuZmlmby8xL2FiYw=="])
def test_delete_when_the_receipt_is_not_of_this_queue_is_refused(receipt: str) -> None:
    with pytest.raises(ReceiptHandleIsInvalid):
        a_queue(a_clock()).delete(receipt)


def test_receive_when_received_too_often_buries_the_head_and_serves_the_next() -> None:
    clock = a_clock()
    graves: list[StoredMessage] = []
    rules = replace(RULES, max_receives=2)
    queue = FifoQueue("q.fifo", rules, clock, bury=lambda message: graves.append(message) is None)
    given_messages(queue, "poison", "next")
    for _ in range(2):
        assert bodies(queue.receive(1)) == ["poison"]
        clock.advance(30)
    assert bodies(queue.receive(1)) == ["next"]
    assert [message.draft.body for message in graves] == ["poison"]
    assert queue.depth() == Depth(0, 1, 0)


def test_receive_when_nothing_takes_dead_letters_delivers_the_message_again() -> None:
    clock = a_clock()
    queue = a_queue(clock, replace(RULES, max_receives=1))
    given_messages(queue, "1", "2")
    queue.receive(1)
    clock.advance(30)
    assert bodies(queue.receive(2)) == ["1", "2"]


def test_adopt_keeps_id_and_count_and_starts_the_age_anew() -> None:
    clock = a_clock()
    graves: list[StoredMessage] = []
    source = FifoQueue("q.fifo", replace(RULES, max_receives=1), clock, bury=lambda m: graves.append(m) is None)
    sent = source.send(Draft("1", "g", "d"))
    source.receive()
    clock.advance(30)
    source.receive()
    dead = FifoQueue("dead.fifo", RULES, clock)
    dead.adopt(graves[0], "arn:source")
    [letter] = dead.receive()
    assert (letter.message_id, letter.receive_count, letter.source_arn) == (sent.message_id, 2, "arn:source")
    assert letter.sent_at == clock()


def test_drain_leaves_groups_in_flight_alone() -> None:
    queue = a_queue(a_clock())
    given_messages(queue, "a1", "a2", group="a")
    given_messages(queue, "b1", "b2", group="b")
    queue.receive(1)
    assert [message.draft.body for message in queue.drain()] == ["b1", "b2"]
    assert queue.depth() == Depth(1, 1, 0)


def test_receive_when_the_queue_delays_waits_until_the_delay_is_over() -> None:
    clock = a_clock()
    queue = a_queue(clock, replace(RULES, delay_s=10))
    given_messages(queue, "1")
    clock.advance(4)
    given_messages(queue, "2")
    assert (queue.receive(), queue.depth(), queue.changes_at()) == ([], Depth(0, 0, 2), 1_010.0)
    clock.advance(6)
    assert bodies(queue.receive(2)) == ["1"]
    assert queue.depth() == Depth(0, 1, 1)


def test_reconfigure_when_the_delay_is_lifted_frees_waiting_messages() -> None:
    queue = a_queue(a_clock(), replace(RULES, delay_s=10))
    given_messages(queue, "1")
    queue.reconfigure(RULES)
    assert bodies(queue.receive()) == ["1"]


def test_retention_when_over_drops_messages_in_flight_or_not() -> None:
    clock = a_clock()
    queue = a_queue(clock, replace(RULES, retention_s=60))
    given_messages(queue, "1", "2")
    queue.receive(1, visibility_s=600)
    clock.advance(59)
    given_messages(queue, "3")
    assert queue.oldest_age_s() == 59
    clock.advance(1)
    assert bodies(queue.receive(10)) == ["3"]
    assert queue.depth() == Depth(0, 1, 0)


def test_purge_empties_the_queue_and_frees_its_groups() -> None:
    queue = a_queue(a_clock())
    given_messages(queue, "1", "2")
    queue.receive(1)
    queue.purge()
    given_messages(queue, "3")
    assert bodies(queue.receive(10)) == ["3"]


def test_timers_when_groups_come_and_go_do_not_pile_up() -> None:
    queue = a_queue(a_clock(), replace(RULES, visibility_s=3600))
    for seconds in (3000, 2000, 500):
        given_messages(queue, "1", group=f"in flight for {seconds}")
        queue.receive(visibility_s=seconds)
    for number in range(3000):
        given_messages(queue, "1", group=f"g{number}")
        queue.delete(queue.receive()[0].receipt)
    assert queue.changes_at() == 1_000.0 + 500
    assert len(queue._timers) <= 1010  # pyright: ignore[reportPrivateUsage] - memory is what this test is about
