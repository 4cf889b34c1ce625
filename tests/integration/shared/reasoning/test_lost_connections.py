"""Connections cut under a worker: what it was told once it concludes once, and asks the model once."""

from dataclasses import replace

import pytest

from shared.memory.relay import relay
from shared.reasoning.derive import derive
from tests.support.backends import AnsweringModel, facts
from tests.support.database_proxy import DatabaseProxy
from tests.support.scripted_model import FixedModels


@pytest.fixture
def place(place):
    """With nothing to wait for: each message is looked at."""
    return place.configured(deriver={"flush_enabled": True})


@pytest.mark.parametrize("moment", ["before", "answer"])
def test_derive_when_the_line_is_cut_at_the_commit_of_the_claim_loses_nothing(place, app_dsn, moment):
    place.says("s", ("ada", "I moved to Lisbon"))
    unit = place.unit("s", "ada")
    with DatabaseProxy(app_dsn) as proxy:
        model = AnsweringModel(lambda _: facts(("ada moved to Lisbon", 1)))
        backends = replace(place.backends_at(proxy.dsn), models=FixedModels(model, place.embedder))
        proxy.cut_at(moment)
        derive(backends, place.wake_up(unit))
        # A claim that was made unnoticed is held by nobody: its lease runs out.
        place.clock.advance(minutes=3)
        relay(place.backends)
        derive(backends, place.wake_up(unit))
        backends.db.close()
    assert proxy.is_sprung
    assert place.windows(unit) == [(1, 1)]
    assert [row["content"] for row in place.conclusions()] == ["ada moved to Lisbon"]
    assert len(model.requests) == 1


@pytest.mark.parametrize("words", [b"INTO conclusions", b"work_windows", b"COMMIT"])
@pytest.mark.parametrize("moment", ["before", "answer"])
def test_derive_when_the_line_is_cut_while_it_finishes_concludes_once(place, app_dsn, moment, words):
    place.says("s", ("ada", "I moved to Lisbon"))
    unit = place.unit("s", "ada")
    with DatabaseProxy(app_dsn) as proxy:

        def answered(_) -> str:
            proxy.cut_at(moment, words)
            return facts(("ada moved to Lisbon", 1))

        model = AnsweringModel(answered)
        backends = replace(place.backends_at(proxy.dsn), models=FixedModels(model, place.embedder))
        derive(backends, place.wake_up(unit))
        backends.db.close()
    assert proxy.is_sprung
    assert place.windows(unit) == [(1, 1)]
    assert [row["times_derived"] for row in place.conclusions()] == [1]
    assert [item["state"] for item in place.items(unit)] == ["finished"]
    assert len(model.requests) == 1
