"""Whatever is erased between any two steps of any work, or while that is done, leaves no trace when both have ended."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import pytest

from shared.domain.conclusion import Collection
from shared.domain.dream import DreamRequest
from shared.domain.errors import ServiceError
from shared.domain.session import ObservationSettings
from shared.domain.work import TaskKind
from shared.memory import dreams, scopes
from shared.memory.conclude import GivenConclusion, create_conclusions
from shared.memory.erase import erase_message, erase_peer
from shared.memory.forget import delete_session, delete_workspace
from shared.memory.undo import undo
from shared.memory.vector_upkeep import index_pending, remove_hidden
from tests.support.erasing import DO, broken, settle
from tests.support.forgetting import forgets
from tests.support.interrupting import Moments, echoing, interrupted
from tests.support.residue import residue
from tests.support.workplace import Workplace

WATCHING = ObservationSettings(observe_others=True)


@dataclass
class World:
    """A workspace in which somebody says a word that nobody else says, in a session of its own name."""

    place: Workplace
    word: str
    peer: str
    session: str
    message: str

    @property
    def own(self) -> Collection:
        return Collection(self.place.workspace, self.peer, self.peer)


def made(place: Workplace, number: int, lines: int) -> World:
    name = f"{place.workspace}-{number}"
    place = replace(place, workspace=name)
    word, peer, session = (f"zq{kind}{name.replace('-', '')}" for kind in ("word", "peer", "session"))
    place.joins(session, **{peer: WATCHING, "bob": WATCHING})
    said, *_ = place.says(
        session, (peer, f"I like {word}"), *[("bob", f"line {n}") for n in range(lines)], (peer, "I row")
    )
    place.says("other", (peer, "I sing"))
    return World(place, word, peer, session, said.id)


def does(kind: TaskKind) -> Callable[[World], Callable[[Workplace], object]]:
    """The work of a kind, of what was said with the word."""

    def prepared(world: World) -> Callable[[Workplace], object]:
        found = [one for one in world.place.queue.take(kind) if one.unit.session in (world.session, "")]
        wake_up = next((one for one in found if one.unit.observed == world.peer), found[0])
        return lambda place: DO[kind](place.backends, wake_up)

    return prepared


def backfills(world: World) -> Callable[[Workplace], object]:
    settle(world.place, *DO)
    scopes.get_or_create(world.place.backends, world.place.workspace, "team", metadata=None)
    scopes.add_sessions(world.place.backends, world.place.workspace, "team", [world.session])
    return does(TaskKind.SCOPE)(world)


def dreams_on(world: World) -> Callable[[Workplace], object]:
    settle(world.place, *DO)
    dreams.schedule(world.place.backends, DreamRequest(world.own, "omni", "manual", world.session))
    return does(TaskKind.DREAM)(world)


def undoes(world: World) -> Callable[[Workplace], object]:
    dreams_on(world)(world.place)
    [row] = world.place.rows("SELECT id FROM dreams WHERE workspace = %(workspace)s")
    return lambda place: undo(place.backends, place.workspace, row["id"])


def is_indexed_late(world: World) -> Callable[[Workplace], object]:
    settle(world.place, *DO)
    with world.place.backends.db.transaction() as conn:
        conn.execute("UPDATE conclusions SET indexed_at = NULL WHERE workspace = %s", [world.place.workspace])
    world.place.clock.advance(minutes=10)
    return lambda place: index_pending(place.backends)


def states(world: World) -> Callable[[Workplace], object]:
    settle(world.place, *DO)
    given = [GivenConclusion("bob", world.peer, world.session, f"stated {world.word}")]
    return lambda place: create_conclusions(place.backends, place.workspace, given)


WORK = {
    "derives": does(TaskKind.DERIVE),
    "summarizes": does(TaskKind.SUMMARY),
    "indexes": does(TaskKind.INDEX),
    "backfills": backfills,
    "dreams": dreams_on,
    "undoes": undoes,
    "is indexed late": is_indexed_late,
    "states": states,
}


def message(world: World) -> list[str]:
    place = world.place
    erase_message(place.backends, place.workspace, world.session, world.message)
    settle(place, TaskKind.ERASE)
    return [world.word, world.message]


def peer(world: World) -> list[str]:
    erase_peer(world.place.backends, world.place.workspace, world.peer)
    settle(world.place, TaskKind.ERASE)
    return [world.word, world.peer]


def session(world: World) -> list[str]:
    delete_session(world.place.backends, world.place.workspace, world.session)
    forgets(world.place)
    return [world.word, world.session]


def workspace(world: World) -> list[str]:
    for name in (world.session, "other"):
        delete_session(world.place.backends, world.place.workspace, name)
    delete_workspace(world.place.backends, world.place.workspace)
    forgets(world.place)
    return [world.word, world.place.workspace]


def erases(goes: Callable[[World], list[str]], world: World, traces: list[str]) -> None:
    """Erase it, and note what must then be found nowhere."""
    traces += goes(world)


GOES: list[Callable[[World], list[str]]] = [message, peer, session, workspace]


def ends(world: World, traces: Sequence[str], owner_dsn: str) -> tuple[dict[str, int], dict[str, Sequence[object]]]:
    """What is left of the traces, and what does not agree, when all that was begun has ended."""
    assert traces, "it was erased"
    settle(world.place, *DO)
    forgets(world.place)
    world.place.clock.advance(minutes=6)
    remove_hidden(world.place.backends)
    return residue(owner_dsn, *traces), broken(world.place)


@pytest.mark.parametrize("place", [True], indirect=True, ids=["pipelined"])
@pytest.mark.parametrize("goes", GOES)
@pytest.mark.parametrize("work", WORK)
def test_what_is_erased_between_any_two_steps_leaves_no_trace(
    place: Workplace, owner_dsn: str, work: str, goes: Callable[[World], list[str]]
):
    if (work, goes) == ("states", message):
        pytest.skip("what a client states is its own")
    place = echoing(place)
    # Each step in a world of its own takes its time: one kind of erasure has the even ones, the next the odd ones.
    stride = 4 if work == "dreams" else 2
    for number in range(1 + GOES.index(goes) % stride, 200, stride):
        world = made(place, number, lines=8 if work == "summarizes" else 1)
        act = WORK[work](world)
        traces: list[str] = []
        moments = Moments(number, partial(erases, goes, world, traces))
        try:
            act(interrupted(world.place, moments))
        except ServiceError:
            assert moments.came
        if not moments.came:
            assert number > 2
            return
        assert (number, *ends(world, traces, owner_dsn)) == (number, {}, {})
    raise AssertionError("it has no end")


def tries(act: Callable[[Workplace], object], world: World) -> None:
    """Do it, or be refused."""
    with suppress(ServiceError):
        act(world.place)


@pytest.mark.parametrize("place", [True], indirect=True, ids=["pipelined"])
@pytest.mark.parametrize("goes", GOES)
@pytest.mark.parametrize("work", WORK)
def test_what_is_done_between_two_steps_of_an_erasure_goes_with_it(
    place: Workplace, owner_dsn: str, work: str, goes: Callable[[World], list[str]]
):
    if (work, goes) == ("states", message):
        pytest.skip("what a client states is its own")
    place = echoing(place)
    # An erasure has up to a hundred steps: each kind of work comes at some of them.
    for number in range(1 + list(WORK).index(work), 1000, len(WORK)):
        world = made(place, number, lines=8 if work == "summarizes" else 1)
        moments = Moments(number, partial(tries, WORK[work](world), world))
        traces = goes(replace(world, place=interrupted(world.place, moments)))
        if not moments.came:
            assert number > 2 * len(WORK)
            return
        assert (number, *ends(world, traces, owner_dsn)) == (number, {}, {})
    raise AssertionError("it has no end")
