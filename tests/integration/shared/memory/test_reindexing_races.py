"""Writers in threads while a workspace is filled, switched, and switched back: nothing that was found gets lost."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Lock

import pytest

from infra.migrations.apply import ensure_space
from shared.domain.conclusion import ConclusionDraft
from shared.domain.errors import Conflict, IndexUnavailable, ModelUnavailable, Unavailable
from shared.domain.session import ObservationSettings
from shared.domain.vector import EmbeddingSpace
from shared.domain.work import TaskKind
from shared.memory import conclude, reindexing
from shared.memory.indexing import index_messages
from shared.memory.relay import relay
from shared.memory.vector_upkeep import index_pending
from shared.store.known_spaces import KnownSpaces
from tests.support.backends import THEN
from tests.support.spaced import OtherEmbedder, held, spaced
from tests.support.workplace import Workplace

_WRITERS, _EACH = 3, 12


class Restless(OtherEmbedder):
    """Every seventh call fails, and each takes its time."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._chance, self._lock, self._never = random.Random(seed), Lock(), Event()
        self.before = self._stumble

    def _stumble(self, texts: Sequence[str]) -> None:
        with self._lock:
            pause, fails = self._chance.random() * 0.01, self._chance.random() < 1 / 7
        self._never.wait(pause)
        if fails and texts != ["blue"]:
            raise ModelUnavailable("stumbled")


class Writing:
    """What writers have put into the index, as they know it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.conclusions: set[str] = set()
        self.messages: set[str] = set()

    def writes(self, place: Workplace, name: int) -> None:
        for number in range(_EACH):
            draft = ConclusionDraft(f"{name} saw {number}", "explicit", "s", (), THEN)
            saving = _prepared(place, draft)
            with place.backends.db.transaction() as conn:
                saved = saving.write(place.backends, conn)
            conclude.index(place.backends, saved, saving.vectors)
            with self.lock:
                self.conclusions |= {one.id for one in saved}


def _prepared(place: Workplace, draft: ConclusionDraft) -> conclude.Saving:
    while True:
        try:
            return conclude.prepare(place.backends, place.workspace, "ada", ["ada"], [draft])
        except ModelUnavailable:
            continue


def indexes(place: Workplace) -> None:
    for wake_up in place.queue.take(TaskKind.INDEX):
        # What is not to be had now comes back when it is due again.
        with suppress(Unavailable):
            index_messages(place.backends, wake_up)


def changes(place: Workplace) -> None:
    """Fill until it can be switched."""
    while True:
        try:
            for _ in reindexing.fill(place.backends, place.workspace):
                pass
            reindexing.switch(place.backends, place.workspace)
            return
        except (Conflict, ModelUnavailable, IndexUnavailable):
            continue


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("believed_s", [0.0, 3600.0], ids=["attentive", "forgetful"])
def test_writers_beside_a_change_lose_nothing(place: Workplace, owner_dsn: str, seed: int, believed_s: float):
    other = Restless(seed)
    ensure_space(owner_dsn, other.space)
    place.joins("s", ada=ObservationSettings())
    admin, here = spaced(place, other), spaced(place, other, known=KnownSpaces(believed_s))
    writing = Writing()
    first, second = place.embedder.space, other.space

    def sees(space: EmbeddingSpace, known: set[str]) -> None:
        assert known <= held(admin, space)[0], "whatever was found before the switch is found after it"

    with ThreadPoolExecutor(_WRITERS) as pool:
        under_way = [pool.submit(writing.writes, here, name) for name in range(_WRITERS)]
        reindexing.begin(admin.backends, admin.workspace, second)
        for space in (second, first, second):
            known = set(writing.conclusions)
            changes(admin)
            sees(space, known)
            if space == first or not all(one.done() for one in under_way):
                reindexing.turn(admin.backends, admin.workspace)
            else:
                break
        for one in under_way:
            one.result()
    here.clock.advance(minutes=3)
    other.before = lambda _: None
    index_pending(here.backends)
    choice = reindexing.choice_of(admin.backends, admin.workspace)
    assert choice is not None
    rows = {row["id"] for row in admin.conclusions()}
    assert rows == held(admin, choice.read)[0]
    if choice.state == "filling":
        changes(admin)
        assert rows == held(admin, choice.second)[0]  # pyright: ignore[reportArgumentType]  # filling has a second one


def test_messages_beside_a_change_lose_nothing(place: Workplace, owner_dsn: str):
    other = Restless(3)
    ensure_space(owner_dsn, other.space)
    place.joins("s", ada=ObservationSettings())
    here = spaced(place, other)

    def talks() -> None:
        for number in range(20):
            here.says("s", ("ada", f"I saw {number} today."))
            indexes(here)

    with ThreadPoolExecutor(1) as pool:
        talking = pool.submit(talks)
        reindexing.begin(here.backends, here.workspace, other.space)
        changes(here)
        talking.result()
    other.before = lambda _: None
    for _ in range(3):
        here.clock.advance(minutes=20)
        relay(here.backends)
        indexes(here)
    ids = {row["id"] for row in here.rows("SELECT id FROM messages WHERE workspace = %(workspace)s")}
    assert held(here, other.space)[1] == ids
    assert held(here, place.embedder.space)[1] == ids
