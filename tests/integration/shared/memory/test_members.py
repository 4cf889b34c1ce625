"""Membership under racing callers."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import pytest

from shared.backends import Backends
from shared.domain.errors import LimitExceeded
from shared.domain.message import MessageDraft
from shared.domain.session import ObservationSettings
from shared.memory import peers, sessions, workspaces
from shared.memory.record import record_messages
from shared.store import members
from shared.store.database import Connection, Database
from tests.support.backends import offline_backends

T = TypeVar("T")
WATCHING = ObservationSettings(observe_others=True)
PLAIN = ObservationSettings()


@pytest.fixture(scope="module")
def backends(database_dsn: str, owner_dsn: str) -> Generator[Backends]:
    with offline_backends(database_dsn, owner_dsn) as opened:
        yield opened


def _race(*calls: Callable[[], T]) -> list[T | LimitExceeded]:
    """What each call gave, or that it went over the limit; all started together."""

    def outcome(call: Callable[[], T]) -> T | LimitExceeded:
        try:
            return call()
        except LimitExceeded as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


def test_racing_creators_make_one_row_each(backends: Backends):
    for turn in range(5):
        name = f"raced{turn}"
        made = _race(*[lambda name=name: sessions.get_or_create(backends, name, "s", joining={"a": PLAIN})] * 6)
        answers = [answer for answer in made if not isinstance(answer, LimitExceeded)]
        assert [is_new for _, is_new in answers].count(True) == 1
        assert len({session.uid for session, _ in answers}) == 1


def test_racing_observers_never_exceed_the_limit(backends: Backends):
    for number in range(8):
        sessions.add_peers(backends, "limit", "s", {f"p{number}": WATCHING})

    def add(peer: str) -> Callable[[], object]:
        return lambda: sessions.add_peers(backends, "limit", "s", {peer: WATCHING})

    outcomes = _race(*[add(f"q{number}") for number in range(6)])
    assert sum(isinstance(outcome, LimitExceeded) for outcome in outcomes) == 4
    with backends.db.reading() as conn:
        assert members.count_observers(conn, "limit", "s") == 10


def test_racing_writers_setters_and_joiners_all_succeed(backends: Backends):
    sessions.get_or_create(backends, "mixed", "s")
    names = [f"p{number}" for number in range(6)]

    def write(turn: int) -> Callable[[], object]:
        drafts = [MessageDraft(name, "hi") for name in (names if turn % 2 else names[::-1])]
        return lambda: record_messages(backends, "mixed", "s", drafts)

    def put(turn: int) -> Callable[[], object]:
        chosen = dict.fromkeys(names[turn % 6 :] + names[: turn % 6][:2], PLAIN)
        return lambda: sessions.set_peers(backends, "mixed", "s", chosen)

    def join(turn: int) -> Callable[[], object]:
        return lambda: sessions.add_peers(backends, "mixed", "s", {names[turn % 6]: PLAIN, f"new{turn}": PLAIN})

    calls = [make(turn) for turn in range(8) for make in (write, put, join)]
    _race(*calls[:12])
    _race(*calls[12:])
    with backends.db.reading() as conn:
        row = conn.execute("SELECT count(*), max(seq) FROM messages WHERE workspace = 'mixed'").fetchone()
    assert row == (48, 48)


def test_workspace_updates_in_parallel_lose_no_section(backends: Backends):
    sections = ("reasoning", "summary", "dream", "peer_card")
    _race(
        *[
            lambda section=section: workspaces.update(
                backends, "merged", metadata=None, configuration={section: {"enabled": True}}
            )
            for section in sections
        ]
    )
    found, _ = workspaces.get_or_create(backends, "merged", metadata={}, configuration={})
    assert found.configuration.keys() == set(sections)


def test_who_stays_through_a_replacement_keeps_its_time_of_joining(backends: Backends):
    sessions.add_peers(backends, "stay", "s", {"a": PLAIN, "b": PLAIN})

    def joined() -> dict[str, object]:
        with backends.db.reading() as conn:
            found = {name: members.get(conn, "stay", "s", name) for name in ("a", "b")}
        return {name: member.joined_at if member else None for name, member in found.items()}

    before = joined()
    sessions.set_peers(backends, "stay", "s", {"a": WATCHING})
    sessions.set_peers(backends, "stay", "s", {"a": PLAIN, "b": PLAIN})
    after = joined()
    assert before["a"] == after["a"]
    assert before["b"] != after["b"]


class WithoutTransactions(Database):
    """Reads single statements and nothing else."""

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        raise AssertionError("a transaction was opened")
        yield  # pyright: ignore[reportUnreachable]  # what makes it a generator


def test_what_exists_is_got_without_a_transaction(backends: Backends):
    workspaces.get_or_create(backends, "fast", metadata={}, configuration={})
    peers.ensure(backends, "fast", "a")
    sessions.get_or_create(backends, "fast", "s")
    db = WithoutTransactions(backends.settings.db)
    reading = replace(backends, db=db)
    assert workspaces.get_or_create(reading, "fast", metadata={"ignored": 1}, configuration={})[1] is False
    assert peers.get_or_create(reading, "fast", "a", metadata={"x": 1}, configuration=None)[0].metadata == {"x": 1}
    assert sessions.get_or_create(reading, "fast", "s")[1] is False
    db.close()
