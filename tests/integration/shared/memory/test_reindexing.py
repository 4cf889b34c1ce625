"""Changing the embedding model online: nothing is missing after the switch, whatever happens during it."""

from collections.abc import Iterator

import pytest

from infra.migrations.apply import ensure_space
from shared.domain.errors import Conflict, ModelUnavailable
from shared.domain.session import ObservationSettings
from shared.domain.vector import EmbeddingSpace
from shared.memory import reindexing
from shared.memory.erase import erase_message
from shared.memory.forget import delete_session, delete_workspace
from shared.memory.search import search
from tests.support.erasing import repeating, settle
from tests.support.forgetting import forgets
from tests.support.spaced import OtherEmbedder, bare, changes, concludes, filled, held, recalled, spaced, talks
from tests.support.stores import dual, external
from tests.support.turbopuffer_server import TurbopufferServer
from tests.support.workplace import Workplace


@pytest.fixture
def other() -> OtherEmbedder:
    return OtherEmbedder()


@pytest.fixture(scope="module")
def rooms(app_dsn: str, owner_dsn: str) -> None:
    """The tables of all spaces of this file."""
    for space in (("other/large", 12), ("other/third", 12), ("gemini/small", 12)):
        ensure_space(owner_dsn, EmbeddingSpace(*space))


@pytest.fixture(params=["pgvector", "both", "outside"])
def here(
    place: Workplace, other: OtherEmbedder, rooms: None, server: TurbopufferServer, request: pytest.FixtureRequest
) -> Workplace:
    """A place with a session, in each kind of store."""
    place.joins("s", ada=ObservationSettings())
    match request.param:
        case "both":
            return spaced(place, other, store=dual(place, server).backends.vectors)
        case "outside":
            return spaced(place, other, store=external(place, server))
        case _:
            return spaced(place, other)


@pytest.fixture
def server() -> Iterator[TurbopufferServer]:
    with TurbopufferServer() as running:
        yield running


def test_change_brings_everything_over_and_reads_it(here: Workplace, other: OtherEmbedder):
    said, known = talks(here, "I like tea.", "I like rain."), concludes(here, "tea", "rain")
    assert held(here, other.space) == (set(), set())
    changes(here, other.space)
    assert held(here, other.space) == held(here, here.embedder.space) == (set(known), set(said))
    other.asked.clear()
    here.embedder.asked.clear()
    assert recalled(here, "rain") == ["rain"]
    assert other.asked == ["rain"]
    assert here.embedder.asked == [], "questions are asked in the new space alone"
    [found] = search(here.backends, workspace=here.workspace, query="I like rain.", limit=1)
    assert found.id == said[1]


def test_change_writes_both_from_its_beginning_and_after_the_switch(here: Workplace, other: OtherEmbedder):
    reindexing.begin(here.backends, here.workspace, other.space)
    said, known = talks(here, "I like tea."), concludes(here, "tea")
    assert held(here, other.space) == held(here, here.embedder.space) == (set(known), set(said))
    filled(here)
    reindexing.switch(here.backends, here.workspace)
    said, known = [*said, *talks(here, "I like rain.")], [*known, *concludes(here, "rain")]
    assert held(here, other.space) == held(here, here.embedder.space) == (set(known), set(said))


def test_back_brings_the_former_space_what_it_lacks_and_reads_it(here: Workplace, other: OtherEmbedder):
    changes(here, other.space)
    # The former model was away, so its space lacks what came since.
    here.embedder.embed, embed = lambda _: (_ for _ in ()).throw(ModelUnavailable("away")), here.embedder.embed  # pyright: ignore
    said, known = talks(here, "I like tea."), concludes(here, "tea")
    assert held(here, other.space) == (set(known), set(said)), "which never harms the one that is read"
    here.embedder.embed = embed
    assert held(here, here.embedder.space) == (set(), set())
    reindexing.turn(here.backends, here.workspace)
    assert recalled(here, "tea") == ["tea"]
    filled(here)
    reindexing.switch(here.backends, here.workspace)
    assert held(here, here.embedder.space) == (set(known), set(said))
    here.embedder.asked.clear()
    assert recalled(here, "tea") == ["tea"]
    assert here.embedder.asked == ["tea"]


def test_leave_empties_the_former_space_once_no_reader_is_in_it(here: Workplace, other: OtherEmbedder):
    said, known = talks(here, "I like tea."), concludes(here, "tea")
    changes(here, other.space)
    with pytest.raises(Conflict, match="for 70 s more"):
        list(reindexing.leave(here.backends, here.workspace))
    here.clock.advance(seconds=71)
    list(reindexing.leave(here.backends, here.workspace))
    assert held(here, here.embedder.space) == (set(), set())
    assert held(here, other.space) == (set(known), set(said))
    concludes(here, "rain")
    assert held(here, here.embedder.space) == (set(), set()), "it is written no longer"
    assert recalled(here, "rain") == ["rain"]
    with pytest.raises(Conflict, match="no second space"):
        list(reindexing.leave(here.backends, here.workspace))
    with pytest.raises(Conflict, match="no former space"):
        reindexing.turn(here.backends, here.workspace)
    changes(here, here.embedder.space)
    assert held(here, here.embedder.space)[0] == {"tea", "rain"}


def test_leave_while_filling_gives_the_change_up(here: Workplace, other: OtherEmbedder):
    concludes(here, "tea")
    reindexing.begin(here.backends, here.workspace, other.space)
    filled(here)
    list(reindexing.leave(here.backends, here.workspace))
    assert held(here, other.space) == (set(), set())
    assert recalled(here, "tea") == ["tea"]
    with pytest.raises(Conflict, match="not changing"):
        filled(here)
    with pytest.raises(Conflict, match="not filled"):
        reindexing.switch(here.backends, here.workspace)


def test_deleted_and_erased_is_gone_from_both_spaces(here: Workplace, other: OtherEmbedder):
    there = spaced(repeating(here), other, store=bare(here))
    changes(there, other.space)
    [secret, _] = there.says("s", ("ada", "I keep zqsecrets"), ("ada", "I sing"))
    settle(there)
    made = {row["id"] for row in there.conclusions() if "zqsecrets" in row["content"]}
    spaces = (other.space, here.embedder.space)
    assert made
    for space in spaces:
        assert made <= held(there, space)[0]
        assert secret.id in held(there, space)[1]
    erase_message(there.backends, there.workspace, "s", secret.id)
    settle(there)
    for space in spaces:
        assert not made & held(there, space)[0]
        assert secret.id not in held(there, space)[1]
    delete_session(there.backends, there.workspace, "s")
    forgets(there)
    assert [held(there, space)[1] for space in spaces] == [set(), set()]
    delete_workspace(there.backends, there.workspace)
    forgets(there)
    assert [held(there, space) for space in spaces] == [(set(), set())] * 2
    assert there.count("workspace_spaces") == 0
