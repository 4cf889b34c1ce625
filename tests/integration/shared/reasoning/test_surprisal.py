"""Surprise in a dream: which conclusions are compared, and where they stand in what a specialist reads."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.domain.conclusion import Collection
from shared.domain.session import ObservationSettings
from shared.llm.types import UserTurn
from shared.memory.conclude import GivenConclusion, create_conclusions
from shared.reasoning.surprisal import surprising
from shared.store import conclusions, samples
from shared.vectors.external import ExternalIndex
from shared.vectors.turbopuffer import TurbopufferShelf
from tests.support.dreaming import Acting, Dreamland, dreamland
from tests.support.turbopuffer_server import KEY, TurbopufferServer

COMMON = [f"ada likes the {fruit} from the market" for fruit in "apple pear plum cherry peach grape melon fig".split()]
STRANGE = "ada's thesis is about quantum chromodynamics"


@pytest.fixture
def land(database_dsn: str, owner_dsn: str) -> Iterator[Dreamland]:
    surprisal = {"enabled": True, "tree_k": 3}
    with dreamland(database_dsn, owner_dsn, dream={"surprisal": surprisal}) as place:
        place.joins("s", ada=ObservationSettings())
        yield place


def concludes(land: Dreamland, *contents: str) -> None:
    given = [GivenConclusion("ada", "ada", None, content) for content in contents]
    for one in given:
        land.clock.advance(minutes=1)
        create_conclusions(land.backends, land.workspace, [one])


def collection(land: Dreamland) -> Collection:
    return Collection(land.workspace, "ada", "ada")


def sampled(land: Dreamland, strategy: samples.Strategy, *, most: int) -> list[str]:
    with land.backends.db.reading() as conn:
        ids = samples.sample(conn, collection(land), strategy, levels=("explicit",), most=most)
        rows = conclusions.by_ids(conn, land.workspace, ids)
    return [rows[one].content for one in ids]


@pytest.mark.parametrize("strategy", ["recent", "random", "all"])
@pytest.mark.parametrize("tree", ["kdtree", "balltree"])
def test_surprising_is_what_lies_far_from_the_rest(land: Dreamland, strategy: str, tree: str):
    concludes(land, *COMMON[:4], STRANGE, *COMMON[4:])
    chosen = {"enabled": True, "tree_k": 3, "sampling_strategy": strategy, "tree_type": tree}
    land = land.configured(dream={"surprisal": chosen})
    assert [one.content for one in surprising(land.backends, collection(land))] == [STRANGE]


@pytest.mark.parametrize("strategy", ["recent", "all"])
def test_surprising_is_the_same_where_vectors_are_outside_of_postgres(land: Dreamland, strategy: str):
    land = land.configured(dream={"surprisal": {"enabled": True, "tree_k": 3, "sampling_strategy": strategy}})
    with TurbopufferServer() as server:
        embedder = land.backends.models.embedder()
        shelf = TurbopufferShelf(KEY, None, server.url)
        outside = ExternalIndex(shelf, "tests", lambda: embedder.space, list)
        land = replace(land, backends=replace(land.backends, vectors=outside))
        concludes(land, *COMMON[:4], STRANGE, *COMMON[4:])
        assert len(server.documents()) == 9
        assert [one.content for one in surprising(land.backends, collection(land))] == [STRANGE]
        server.down()
        assert surprising(land.backends, collection(land)) == [], "a dream goes on without this hint"


def test_surprising_among_too_few_is_nothing(land: Dreamland):
    concludes(land, *COMMON[:4], STRANGE)
    assert surprising(land.backends, collection(land)) == []


def test_surprising_where_it_is_switched_off_is_nothing(land: Dreamland):
    concludes(land, *COMMON, STRANGE)
    land = land.configured(dream={"surprisal": {"enabled": False}})
    assert surprising(land.backends, collection(land)) == []


def test_samples_hold_the_newest_any_or_some_of_every_time_and_nothing_deleted(land: Dreamland):
    concludes(land, *COMMON)
    with land.backends.db.transaction() as conn:
        [gone] = [one for one in conclusions.newest(conn, collection(land), most=9) if one.content == COMMON[7]]
        conclusions.delete(conn, land.workspace, gone.id, land.clock.now())
    left = COMMON[:7]
    assert sampled(land, "recent", most=3) == left[:-4:-1]
    assert set(sampled(land, "random", most=99)) == set(left)
    assert len(sampled(land, "random", most=3)) == 3
    assert sampled(land, "all", most=99) == left[::-1]
    assert sampled(land, "all", most=3) == [left[6], left[3], left[1]]


def test_dream_shows_what_is_surprising_before_the_rest(land: Dreamland):
    concludes(land, *COMMON[:4], STRANGE, *COMMON[4:])
    model = Acting(lambda _: None)
    land.asks_for()
    land.dreaming_with(model).dreams_on()
    shown = {
        request.purpose: request.turns[1].text for request in model.requests if isinstance(request.turns[1], UserTurn)
    }
    for purpose in ("dream_deduction", "dream_induction"):
        first, _, rest = shown[purpose].partition("</conclusions>")
        assert STRANGE in first
        assert STRANGE not in rest
        assert all(content in rest for content in COMMON)
    assert "far from everything" not in shown["dream_card"]


def test_dream_with_enough_surprises_shows_only_these_and_what_lies_near(land: Dreamland):
    concludes(land, *COMMON, STRANGE)
    chosen = {"enabled": True, "tree_k": 1, "min_high_surprisal_for_replace": 1}
    model = Acting(lambda _: None)
    land.asks_for()
    land.configured(dream={"surprisal": chosen}).dreaming_with(model).dreams_on()
    text = model.requests[0].turns[1].text
    assert STRANGE in text
    assert text.count("(id: ") <= 7
