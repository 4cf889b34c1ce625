"""Handlers run in a thread, or on the spot where requests come one at a time."""

import asyncio
import inspect
import threading

import pytest

from functions.api.threads import as_coroutine, one_at_a_time


def whereabouts(peer: str, *, size: int = 3) -> tuple[int, str, int]:
    """Says where it runs."""
    return threading.get_ident(), peer, size


def test_handler_beside_others_runs_in_a_thread_of_its_own():
    thread, *given = asyncio.run(as_coroutine(whereabouts)(peer="ada", size=4))
    assert (given, thread != threading.get_ident()) == (["ada", 4], True)


def test_handler_of_one_request_at_a_time_runs_on_the_spot_until_that_is_over():
    handler = as_coroutine(whereabouts)
    with one_at_a_time():
        assert asyncio.run(handler(peer="ada")) == (threading.get_ident(), "ada", 3)
    assert asyncio.run(handler(peer="ada"))[0] != threading.get_ident()


def test_handler_that_raises_does_so_in_either_place():
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(as_coroutine(fail)())
    with one_at_a_time(), pytest.raises(ValueError, match="no"):
        asyncio.run(as_coroutine(fail)())


def test_handler_looks_to_fastapi_as_it_was_written():
    made = as_coroutine(whereabouts)
    assert inspect.iscoroutinefunction(made)
    assert inspect.signature(made) == inspect.signature(whereabouts)
    assert (made.__name__, made.__doc__) == (whereabouts.__name__, whereabouts.__doc__)
    assert as_coroutine(made) is made
