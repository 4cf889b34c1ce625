"""What is remembered of the database: for a time, not past a change, and without waiting for each other."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event

from shared.store.remembered import Remembered


def test_value_is_looked_up_once_as_long_as_it_is_believed():
    looks = count(1)
    remembered: Remembered[int] = Remembered(3600)
    assert [remembered.value(lambda: next(looks)) for _ in range(3)] == [1, 1, 1]
    remembered.forget()
    assert remembered.value(lambda: next(looks)) == 2


def test_value_that_is_not_believed_any_more_is_looked_up_again():
    looks = count(1)
    remembered: Remembered[int] = Remembered(0)
    assert [remembered.value(lambda: next(looks)) for _ in range(2)] == [1, 2]


def test_value_from_before_a_change_is_not_remembered():
    remembered: Remembered[str] = Remembered(3600)

    def look() -> str:
        remembered.forget()
        return "as it was"

    assert remembered.value(look) == "as it was"
    assert remembered.value(lambda: "as it is") == "as it is"


def test_value_after_a_look_that_failed_is_looked_up_again():
    remembered: Remembered[int] = Remembered(3600)
    for _ in range(2):
        try:
            remembered.value(lambda: 1 // 0)
        except ZeroDivisionError:
            continue
        raise AssertionError("what failed was remembered")
    assert remembered.value(lambda: 7) == 7


def test_value_while_somebody_elses_look_hangs_is_there_at_once():
    remembered: Remembered[str] = Remembered(3600)
    began, goes_on = Event(), Event()

    def hang() -> str:
        began.set()
        assert goes_on.wait(20)
        return "late"

    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(remembered.value, hang)
        assert began.wait(20)
        try:
            assert pool.submit(remembered.value, lambda: "at once").result(timeout=20) == "at once"
        finally:
            goes_on.set()
        assert late.result(timeout=20) == "late"
    assert remembered.value(lambda: "once more") == "at once"
