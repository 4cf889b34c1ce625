"""Waiting on the in-process queues: what ends a long poll, and what a cancelled one takes with it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from infra.local.fifo import Depth
from infra.local.fifo_message import Draft, ReceivedMessage
from infra.local.queues import AdjustableClock, LocalQueues
from infra.local.sqs_errors import QueueDoesNotExist

NAME = "q.fifo"
FIFO = {"FifoQueue": "true", "VisibilityTimeout": "30"}


def given_queues(clock: AdjustableClock | None = None) -> LocalQueues:
    queues = LocalQueues("http://localhost", clock=clock)
    queues.create(NAME, FIFO)
    return queues


def send(queues: LocalQueues, body: str, group: str = "g") -> None:
    queues.send(NAME, Draft(body, group, f"{group}-{body}"))


def waits_for(queues: LocalQueues, *, then: Callable[[], object]) -> list[str]:
    """The bodies a waiting receive gets once `then` was called; a receive that never wakes fails the test."""

    async def wait() -> list[str]:
        receiving = asyncio.ensure_future(queues.receive(NAME, max_messages=10, wait_s=60))
        await asyncio.sleep(0)
        assert not receiving.done()
        then()
        return [message.body for message in await asyncio.wait_for(receiving, timeout=5)]

    return asyncio.run(wait())


def run(waiting: Awaitable[list[ReceivedMessage]]) -> list[str]:
    async def take() -> list[str]:
        return [message.body for message in await waiting]

    return asyncio.run(take())


def test_receive_when_a_message_arrives_wakes() -> None:
    queues = given_queues()
    assert waits_for(queues, then=lambda: send(queues, "1")) == ["1"]


def test_receive_when_the_group_is_unlocked_wakes() -> None:
    queues = given_queues()
    send(queues, "1")
    send(queues, "2")
    [first] = asyncio.run(queues.receive(NAME, max_messages=1, wait_s=0))
    assert waits_for(queues, then=lambda: queues.delete(NAME, first.receipt)) == ["2"]


def test_receive_when_a_message_is_released_wakes() -> None:
    queues = given_queues()
    send(queues, "1")
    [first] = asyncio.run(queues.receive(NAME, max_messages=1, wait_s=0))
    assert waits_for(queues, then=lambda: queues.change_visibility(NAME, first.receipt, 0)) == ["1"]


def test_receive_when_the_clock_is_moved_past_the_timeout_wakes() -> None:
    queues = given_queues()
    send(queues, "1")
    run(queues.receive(NAME, max_messages=1, wait_s=0))
    assert waits_for(queues, then=lambda: queues.advance(31)) == ["1"]


def test_receive_when_the_visibility_runs_out_by_itself_wakes_at_that_time() -> None:
    clock = AdjustableClock()
    queues = given_queues(clock)
    send(queues, "1")
    run(queues.receive(NAME, max_messages=1, wait_s=0))
    # Only the clock is moved and nobody told: the receive below must find the time by its own timer.
    clock.advance(29.9)
    started = time.monotonic()
    assert run(queues.receive(NAME, max_messages=1, wait_s=20)) == ["1"]
    assert time.monotonic() - started < 5


def test_receive_when_a_dead_letter_arrives_wakes() -> None:
    clock = AdjustableClock()
    queues = given_queues(clock)
    policy = f'{{"deadLetterTargetArn": "{queues.arn(NAME)}", "maxReceiveCount": 1}}'
    queues.create("source.fifo", {**FIFO, "RedrivePolicy": policy})
    queues.send("source.fifo", Draft("1", "g", "1"))
    run(queues.receive("source.fifo", max_messages=1, wait_s=0))

    def let_it_die() -> None:
        # The clock alone: telling the queues would wake the waiting receive by itself.
        clock.advance(31)
        pending = queues.receive("source.fifo", max_messages=1, wait_s=0)
        with pytest.raises(StopIteration):
            pending.send(None)

    assert waits_for(queues, then=let_it_die) == ["1"]


def test_receive_when_nothing_comes_returns_empty_after_its_wait() -> None:
    queues = given_queues()
    started = time.monotonic()
    assert run(queues.receive(NAME, max_messages=1, wait_s=0.05)) == []
    assert time.monotonic() - started >= 0.05


def test_receive_when_cancelled_while_waiting_takes_nothing() -> None:
    queues = given_queues()

    async def cancel() -> None:
        receiving = asyncio.ensure_future(queues.receive(NAME, max_messages=1, wait_s=60))
        await asyncio.sleep(0)
        receiving.cancel()
        await asyncio.wait([receiving])
        send(queues, "1")

    asyncio.run(cancel())
    assert queues.depth(NAME) == Depth(1, 0, 0)


def test_receive_when_the_queue_is_deleted_ends_with_queue_does_not_exist() -> None:
    queues = given_queues()
    with pytest.raises(QueueDoesNotExist):
        waits_for(queues, then=lambda: queues.remove(NAME))


def test_receive_when_many_wait_gives_each_group_to_one() -> None:
    queues = given_queues()

    async def race() -> list[list[str]]:
        waiting = [asyncio.ensure_future(queues.receive(NAME, max_messages=10, wait_s=1)) for _ in range(6)]
        await asyncio.sleep(0)
        for group in "abc":
            send(queues, "1", group)
            send(queues, "2", group)
        received = await asyncio.wait_for(asyncio.gather(*waiting), timeout=5)
        return [[m.group_id + m.body for m in each] for each in received]

    taken = [body for batch in asyncio.run(race()) for body in batch]
    assert sorted(taken) == ["a1", "a2", "b1", "b2", "c1", "c2"]
