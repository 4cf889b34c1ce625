"""What a workspace costs and may cost, over HTTP."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from shared.domain.clock import iso_z
from shared.store import calls
from tests.support.spending import a_call
from tests.support.workspace_client import WorkspaceClient


@pytest.fixture
def noted(workspace: WorkspaceClient, backends: Backends) -> WorkspaceClient:
    """A workspace with calls of yesterday and today."""
    now = backends.clock.now()
    made = [
        a_call(at=now),
        a_call(None, at=now, feature="summary", model="mystery"),
        a_call(Decimal("0.5"), at=now - timedelta(days=1)),
    ]
    with backends.db.reading() as conn:
        calls.note(conn, workspace.name, made)
    return workspace


def since_yesterday(backends: Backends) -> str:
    return (backends.clock.now() - timedelta(days=1)).date().isoformat()


def test_usage_sums_the_calls_by_feature(noted: WorkspaceClient, backends: Backends):
    told = noted.get("/usage", **{"from": since_yesterday(backends)}).json()
    assert told["workspace_id"] == noted.name
    assert (told["group_by"], told["budget"]) == ("feature", None)
    assert told["total"] == {
        "calls": 3,
        "failed_calls": 0,
        "unpriced_calls": 1,
        "input_tokens": 30,
        "cached_tokens": 12,
        "cache_write_tokens": 3,
        "output_tokens": 15,
        "thinking_tokens": 6,
        "mean_latency_ms": 100,
        "cost_usd": 0.51,
    }
    assert [(group["key"], group["calls"]) for group in told["groups"]] == [("derive", 2), ("summary", 1)]
    assert told["unpriced_models"] == ["p/mystery"]


@pytest.mark.parametrize(("by", "keys"), [("model", ["p/m", "p/mystery"]), ("day", None)])
def test_usage_can_be_grouped(noted: WorkspaceClient, backends: Backends, by: str, keys: list[str] | None):
    since = since_yesterday(backends)
    told = noted.get("/usage", **{"from": since, "group_by": by}).json()
    expected = keys or [since, backends.clock.now().date().isoformat()]
    assert [group["key"] for group in told["groups"]] == expected


def test_usage_is_of_the_time_asked_for(noted: WorkspaceClient, backends: Backends):
    now = backends.clock.now()
    today = {"from": iso_z(now - timedelta(minutes=10)), "to": iso_z(now + timedelta(minutes=10))}
    told = noted.get("/usage", **today).json()
    assert (told["from"], told["to"], told["total"]["calls"]) == (today["from"], today["to"], 2)


def test_usage_of_a_workspace_that_is_unknown_is_nothing(workspace: WorkspaceClient):
    told = workspace.get("/usage").json()
    assert (told["total"]["calls"], told["groups"], told["unpriced_models"]) == (0, [], [])


@pytest.mark.parametrize(
    "query",
    [{"from": "soon"}, {"from": "2026-05-02", "to": "2026-05-01"}, {"from": "2020-01-01", "to": "2026-01-01"}],
)
def test_usage_of_no_time_is_refused_in_words(workspace: WorkspaceClient, query: dict[str, object]):
    answer = workspace.get("/usage", **query)
    assert answer.status_code == 422
    assert "must" in answer.json()["detail"]


def test_usage_grouped_by_something_else_is_refused(workspace: WorkspaceClient):
    assert workspace.get("/usage", group_by="peer").status_code == 422


def test_chat_and_messages_show_in_the_usage(workspace: WorkspaceClient):
    workspace.says("s", ("ada", "I play the cello."))
    assert workspace.post("/peers/ada/chat", {"query": "What does ada play?"}).status_code == 200
    keys = [group["key"] for group in workspace.get("/usage").json()["groups"]]
    assert keys == ["dialectic_low", "embed_query"]


def test_budget_is_put_shown_and_taken_away(noted: WorkspaceClient):
    assert noted.get("/budget").json()["is_own"] is False
    put = noted.put("/budget", {"month": {"soft_usd": 0.25, "hard_usd": 5}})
    assert put.status_code == 200
    told = noted.get("/budget").json()
    assert told == put.json()
    assert (told["is_own"], told["is_soft_reached"], told["is_hard_reached"], told["reserved_usd"]) == (
        True,
        True,
        False,
        0,
    )
    assert told["day"]["hard_usd"] is None
    assert (told["month"]["hard_usd"], told["month"]["spent_usd"] >= 0.01) == (5, True)
    assert noted.get("/usage").json()["budget"] == told
    assert noted.delete("/budget").status_code == 204
    assert noted.get("/budget").json()["is_own"] is False
    assert noted.get("/usage").json()["budget"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"month": {"hard_usd": -1}},
        {"month": {"hard_usd": "much"}},
        {"day": {"soft_usd": 2, "hard_usd": 1}},
        {"day": 3},
        {"hard_usd_per_month": 5},
        {"month": {"hard": 5}},
        None,
    ],
)
def test_budget_that_makes_no_sense_is_refused(workspace: WorkspaceClient, body: object):
    assert workspace.put("/budget", body).status_code == 422
    assert workspace.get("/budget").json()["is_own"] is False


def test_budget_needs_the_record_of_calls(workspace: WorkspaceClient, backends: Backends):
    settings = backends.settings
    usage = settings.usage.model_copy(update={"enabled": False})
    unmetered = replace(backends, settings=settings.model_copy(update={"usage": usage}))
    here = WorkspaceClient(TestClient(create_app(unmetered)), workspace.name)
    answer = here.put("/budget", {"day": {"hard_usd": 1}})
    assert (answer.status_code, "USAGE_ENABLED" in answer.json()["detail"]) == (405, True)


@pytest.fixture
def costly(backends: Backends, workspace: WorkspaceClient, tmp_path) -> WorkspaceClient:
    """The workspace where the offline models have a price."""
    prices = tmp_path / "prices.toml"
    prices.write_text('[[price]]\nmodel = "offline/*"\nsince = 2020-01-01\ninput = 1000\noutput = 1000\n')
    settings = backends.settings
    usage = settings.usage.model_copy(update={"prices_file": str(prices)})
    priced = replace(backends, settings=settings.model_copy(update={"usage": usage}))
    return WorkspaceClient(TestClient(create_app(priced)), workspace.name)


@pytest.mark.parametrize("stream", [False, True])
def test_chat_without_room_in_the_budget_is_402_with_a_sentence(costly: WorkspaceClient, stream: bool):
    costly.says("s", ("ada", "I play the cello."))
    costly.put("/budget", {"day": {"hard_usd": 0.001}})
    answer = costly.post("/peers/ada/chat", {"query": "What does ada play?", "stream": stream})
    assert answer.status_code == 402
    assert answer.json()["detail"].startswith("the budget of 0.001 US dollars per day has no room for this call; it")
    # Nobody should come back every second: there is nothing to retry before the next day.
    assert "Retry-After" not in answer.headers


def test_search_without_room_in_the_budget_finds_words(costly: WorkspaceClient):
    costly.says("s", ("ada", "I play the cello."))
    costly.put("/budget", {"day": {"hard_usd": 0}})
    [found] = costly.post("/search", {"query": "cello"}).json()
    assert found["content"] == "I play the cello."
    assert costly.post("/peers/ada/representation", {"search_query": "cello"}).status_code == 200
    asked = {"query": "cello", "filters": {"observer": "ada", "observed": "ada"}}
    assert costly.post("/conclusions/query", asked).status_code == 402
    given = {"conclusions": [{"content": "plays the cello", "observer_id": "ada", "observed_id": "ada"}]}
    assert costly.post("/conclusions", given).status_code == 402
