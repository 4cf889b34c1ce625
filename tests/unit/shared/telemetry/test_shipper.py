"""What is on its way out: batches, limits, second tries, and that nobody ever waits for it."""

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from shared.telemetry.shipper import Loss, NotSent, Pace, Shipper

QUICK = Pace(batch=3, threshold=2, interval_s=60, attempts=2, most=5, first_pause_s=0.001, rest_s=60)


class Receiver:
    """Takes batches, fails as often as told, and keeps who was given up."""

    def __init__(self, *, fails: int = 0, is_final: bool = False) -> None:
        self.got: list[list[int]] = []
        self.lost: list[tuple[Loss, int]] = []
        self.tried = 0
        self._fails = fails
        self._is_final = is_final

    def send(self, batch: Sequence[int]) -> None:
        self.tried += 1
        if self.tried <= self._fails:
            raise NotSent("down", is_final=self._is_final)
        self.got.append(list(batch))

    def on_lost(self, reason: Loss, count: int) -> None:
        self.lost.append((reason, count))


def shipper(receiver: Receiver, pace: Pace = QUICK, send: Callable[[Sequence[int]], None] | None = None):
    return Shipper("test", send or receiver.send, pace, receiver.on_lost)


def until(holds: Callable[[], bool]) -> None:
    """Poll for a condition that another thread makes true."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_flush_sends_what_waits_in_batches_and_in_order():
    receiver = Receiver()
    ship = shipper(receiver, Pace(batch=3, threshold=100, interval_s=60))
    for number in range(7):
        ship.put(number)
    assert receiver.got == []
    ship.flush(10)
    assert receiver.got == [[0, 1, 2], [3, 4, 5], [6]]
    assert ship.waiting == 0


def test_threshold_and_interval_send_without_a_flush():
    receiver = Receiver()
    ship = shipper(receiver)
    ship.put(1)
    ship.put(2)
    until(lambda: receiver.got == [[1, 2]])
    impatient = Receiver()
    shipper(impatient, Pace(threshold=100, interval_s=0.01)).put(1)
    until(lambda: impatient.got == [[1]])


def test_full_buffer_gives_up_the_oldest_and_says_so():
    receiver = Receiver()
    ship = shipper(receiver, Pace(batch=10, threshold=100, interval_s=60, most=5))
    for number in range(8):
        ship.put(number)
    assert receiver.lost == [("buffer_full", 1)] * 3
    ship.flush(10)
    assert receiver.got == [[3, 4, 5, 6, 7]]


def test_failure_that_passes_is_tried_again():
    receiver = Receiver(fails=1)
    ship = shipper(receiver)
    ship.put(1)
    ship.flush(10)
    assert (receiver.got, receiver.lost, receiver.tried) == ([[1]], [], 2)


def test_receiver_that_stays_away_keeps_its_batch_and_is_left_alone_for_a_while():
    receiver = Receiver(fails=2)
    ship = shipper(receiver)
    ship.put(1)
    ship.flush(10)
    assert (ship.waiting, receiver.tried, receiver.lost) == (1, 2, [])
    began = time.monotonic()
    ship.put(2)
    ship.flush(30)
    # Nobody waits for a receiver that is being left alone.
    assert time.monotonic() - began < 10
    assert (ship.waiting, receiver.tried) == (2, 2)


def test_batch_that_comes_back_is_first_again_when_the_rest_is_over():
    receiver = Receiver(fails=2)
    ship = shipper(receiver, Pace(batch=3, threshold=1, interval_s=60, attempts=1, first_pause_s=0, rest_s=0.01))
    for number in range(3):
        ship.put(number)
    until(lambda: [number for batch in receiver.got for number in batch] == [0, 1, 2])
    assert receiver.lost == []


def test_refusal_for_good_gives_the_batch_up():
    receiver = Receiver(fails=1, is_final=True)
    ship = shipper(receiver)
    ship.put(1)
    ship.flush(10)
    assert (receiver.lost, receiver.tried, ship.waiting) == ([("send_failed", 1)], 1, 0)


def test_receiver_that_hangs_holds_up_neither_who_puts_nor_who_flushes():
    release, receiver = threading.Event(), Receiver()

    def hanging(batch: Sequence[int]) -> None:
        release.wait(30)
        receiver.send(batch)

    ship = shipper(receiver, send=hanging)
    ship.put(1)
    ship.flush(0.05)
    for number in range(2, 12):
        ship.put(number)
    assert ship.waiting <= QUICK.most
    assert receiver.got == []
    release.set()
    ship.flush(10)
    assert receiver.got[0] == [1]


def test_mistake_in_sending_ends_neither_the_thread_nor_the_rest(caplog: pytest.LogCaptureFixture):
    receiver = Receiver()
    calls = iter([ValueError("what was said"), None])

    def broken(batch: Sequence[int]) -> None:
        if (error := next(calls)) is not None:
            raise error
        receiver.send(batch)

    ship = shipper(receiver, send=broken)
    ship.put(1)
    ship.flush(10)
    ship.put(2)
    ship.flush(10)
    assert (receiver.lost, receiver.got) == ([("send_failed", 1)], [[2]])
