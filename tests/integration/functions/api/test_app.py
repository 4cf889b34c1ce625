"""What holds for every route: prefix, errors, health, the description of the API."""

from collections.abc import Generator
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from infra.migrations.apply import newest
from shared.backends import Backends, open_backends
from shared.settings import Settings
from shared.settings.sections import DbSettings
from shared.store.database import open_database
from shared.store.readiness import NEEDED_REVISION
from tests.support.workspace_client import WorkspaceClient

SECRET = "a sentence that nobody may read in an answer or a log"


class BrokenClock:
    """Cannot tell the time."""

    def now(self) -> datetime:
        raise RuntimeError(SECRET)


@pytest.fixture
def unreachable(backends: Backends) -> Generator[TestClient]:
    """The API over a database that is not there."""
    gone = DbSettings.model_validate({"connection_uri": "postgresql://app@127.0.0.1:1/none"})
    db = open_database(gone)
    yield TestClient(create_app(replace(backends, db=db)), raise_server_exceptions=False)
    db.close()


@pytest.mark.parametrize("prefix", ["", "/v3"])
def test_operational_routes_answer_with_and_without_the_prefix(client: TestClient, prefix: str):
    assert client.get(f"{prefix}/health").json() == {"status": "ok"}
    assert client.get(f"{prefix}/health/ready").json()["status"] == "ok"
    assert client.get(f"{prefix}/openapi.json").json()["paths"].keys() >= {"/v3/workspaces", "/v3/workspaces/list"}
    assert client.get(f"{prefix}/docs").status_code == 200
    assert client.head(f"{prefix}/health").status_code == 405


def test_paths_without_the_prefix_mean_the_same(client: TestClient):
    made = client.post("/workspaces", json={"id": "bare"})
    assert made.status_code == 201
    assert client.post("/v3/workspaces", json={"id": "bare"}).json() == made.json()


def test_trailing_slash_is_redirected(client: TestClient):
    answer = client.post("/v3/workspaces/list/", follow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["location"].endswith("/v3/workspaces/list")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v3/nothing", 404),
        ("GET", "/v3/workspaces/w", 405),
        ("GET", "/v3/workspaces/w/peers/p", 405),
        ("GET", "/v3/workspaces/w/sessions/s", 405),
        ("PUT", "/v3/workspaces/w/sessions/s/context", 405),
        ("GET", "/v3/workspaces/a%00b/queue/status", 404),
    ],
)
def test_unknown_routes_and_methods_are_refused_with_a_word(client: TestClient, method: str, path: str, status: int):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


def test_origins_of_the_list_may_call_from_a_browser(client: TestClient):
    asked = {"Origin": "http://localhost", "Access-Control-Request-Method": "PUT"}
    answer = client.options("/v3/workspaces/w", headers={**asked, "Access-Control-Request-Headers": "x-own"})
    assert answer.headers["access-control-allow-origin"] == "http://localhost"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-max-age"] == "600"
    foreign = client.get("/health", headers={"Origin": "http://elsewhere.example"})
    assert "access-control-allow-origin" not in foreign.headers


def test_operator_says_which_origins_may_call(backends: Backends):
    own = backends.settings.app.model_copy(update={"cors_origins": ("https://own.example",)})
    app = create_app(replace(backends, settings=backends.settings.model_copy(update={"app": own})))
    asked = TestClient(app)
    for origin, allowed in (("https://own.example", "https://own.example"), ("http://localhost", None)):
        assert asked.get("/health", headers={"Origin": origin}).headers.get("access-control-allow-origin") == allowed


def test_a_bug_is_answered_and_logged_without_its_text(backends: Backends, capfd: pytest.CaptureFixture[str]):
    broken = TestClient(create_app(replace(backends, clock=BrokenClock())), raise_server_exceptions=False)
    answer = broken.post("/v3/workspaces", json={"id": "broken", "metadata": {"m": SECRET}})
    assert (answer.status_code, answer.json()) == (500, {"detail": "An unexpected error occurred"})
    logged = "".join(capfd.readouterr())
    assert SECRET not in logged


def test_database_away_is_unavailable_and_says_when_to_come_back(unreachable: TestClient):
    answer = unreachable.post("/v3/workspaces", json={"id": "w"})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json() == {"detail": "The database cannot be reached."}


def test_database_away_is_alive_but_not_ready(unreachable: TestClient):
    assert unreachable.get("/health").status_code == 200
    answer = unreachable.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["detail"] == "The database cannot be reached."
    assert int(answer.headers["retry-after"]) >= 1


def test_database_away_leaves_the_description_and_refuses_what_is_measured(backends: Backends, unreachable: TestClient):
    for path in ("/openapi.json", "/docs", "/redoc"):
        assert unreachable.get(path).status_code == 200
    metrics = backends.settings.metrics.model_copy(update={"enabled": True})
    settings = backends.settings.model_copy(update={"metrics": metrics})
    state = unreachable.app.state.backends  # pyright: ignore
    app = create_app(replace(state, settings=settings))
    answer = TestClient(app, raise_server_exceptions=False).get("/metrics")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


def test_model_that_is_not_set_up_is_unavailable_and_says_when_to_come_back(database_dsn: str):
    bare = open_backends(
        Settings.model_validate({"db": {"connection_uri": database_dsn}, "offline": {"enabled": False}})
    )
    client = TestClient(create_app(bare), raise_server_exceptions=False)
    client.post("/v3/workspaces/w/peers", json={"id": "ada"})
    answer = client.post("/v3/workspaces/w/peers/ada/chat", json={"query": "Who?"})
    bare.db.close()
    assert (answer.status_code, type(answer.json()["detail"])) == (503, str)
    assert int(answer.headers["retry-after"]) >= 1


def test_ready_tells_the_age_of_the_oldest_pending_work(client: TestClient, workspace: WorkspaceClient):
    workspace.says("s", ("a", "I live in Lisbon"))
    assert client.get("/health/ready").json()["oldest_pending_s"] >= 0


def test_readiness_needs_the_newest_migration(client: TestClient, owner_dsn: str):
    assert newest() == NEEDED_REVISION
    with psycopg.connect(owner_dsn, autocommit=True) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '0000'")
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()["detail"]) == (503, "The database needs migrations.")
        assert int(answer.headers["retry-after"]) >= 1
        conn.execute("UPDATE alembic_version SET version_num = %s", (NEEDED_REVISION,))
    assert client.get("/health/ready").status_code == 200


def test_findings_echo_scalars_only(client: TestClient):
    answer = client.post("/v3/workspaces", json={"id": "w", "metadata": [SECRET]})
    [finding] = answer.json()["detail"]
    assert finding["loc"] == ["body", "metadata"]
    assert "input" not in finding


def test_description_shows_the_shapes_of_the_published_one(client: TestClient):
    schemas: dict[str, Any] = client.get("/v3/openapi.json").json()["components"]["schemas"]
    assert schemas["SessionContext"]["properties"].keys() >= {"id", "messages", "summary", "peer_card"}
    assert schemas["MessageCreate"]["properties"]["content"]["maxLength"] == 25_000
    assert schemas.keys() >= {"Page_Peer_", "WorkspaceCreate", "DialecticOptions", "QueueStatus", "ConclusionQuery"}
