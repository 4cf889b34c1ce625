"""Independent waits at the same time."""

import threading

import pytest

from shared.memory.gather import gather


def test_gather_gives_the_results_in_the_order_of_the_calls():
    second_is_done = threading.Event()

    def first() -> str:
        assert second_is_done.wait(10)
        return "first"

    def second() -> int:
        second_is_done.set()
        return 2

    assert gather(first, second) == ("first", 2)


def test_gather_of_nothing_is_nothing():
    assert gather() == ()


def test_gather_when_a_call_fails_waits_for_the_others_and_raises_its_error():
    others: list[int] = []
    failed = threading.Event()

    def fails() -> None:
        failed.set()
        raise KeyError("first")

    def ends() -> None:
        failed.wait(10)
        others.append(1)

    with pytest.raises(KeyError, match="first"):
        gather(fails, ends)
    assert others == [1]
