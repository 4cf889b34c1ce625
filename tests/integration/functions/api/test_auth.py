"""Keys over HTTP: what each kind opens while authentication is on."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from tests.support.backends import offline_backends
from tests.support.guarded_world import SECTIONS, bearer

OPEN = {"/v3/health", "/v3/health/ready"}


@pytest.fixture(scope="module")
def guarded(database_dsn: str, owner_dsn: str) -> Generator[TestClient]:
    with offline_backends(database_dsn, owner_dsn, SECTIONS) as backends:
        yield TestClient(create_app(backends), raise_server_exceptions=False)


def _status(guarded: TestClient, headers: dict[str, str], workspace: str = "w") -> int:
    return guarded.post(f"/v3/workspaces/{workspace}/peers/list", headers=headers).status_code


def _routes(app: Any) -> list[tuple[str, str]]:
    paths = app.openapi()["paths"]
    assert len(paths) > 25
    return [(method, path) for path, methods in paths.items() for method in methods]


def test_every_route_but_health_needs_a_key(guarded: TestClient):
    answered = {
        (method, path): guarded.request(
            method, path.replace("{", "").replace("}", ""), json=_BODIES.get(path)
        ).status_code
        for method, path in _routes(guarded.app)
        if path not in OPEN
    }
    assert {route: status for route, status in answered.items() if status != 401} == {}


_NO_BRACES = str.maketrans("", "", "{}")
# Bodies that are read before the key is looked at only have to be JSON; the first call needs an id to compare.
_BODIES: dict[str, Any] = {"/v3/workspaces": {"id": "w"}}


def test_admin_reaches_everything(guarded: TestClient):
    admin = bearer(ad=True, t="2026")
    assert guarded.post("/v3/workspaces", json={"id": "w"}, headers=admin).status_code == 201
    assert guarded.post("/v3/workspaces/list", headers=admin).status_code == 200
    assert _status(guarded, admin, "anything") == 200


def test_workspace_key_reaches_its_own_workspace_only(guarded: TestClient):
    own = bearer(w="w", p="", s="")
    assert _status(guarded, own) == 200
    assert _status(guarded, own, "other") == 401
    assert guarded.post("/v3/workspaces", json={"id": "w"}, headers=own).status_code in (200, 201)
    assert guarded.post("/v3/workspaces", json={"id": "other"}, headers=own).status_code == 401
    assert guarded.post("/v3/workspaces/list", headers=own).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"ad": False},
        {"ad": "true"},
        {"ad": 1},
        {"w": ""},
        {"p": "a"},
        {"s": "s"},
        {"w": ["w"]},
        {"ad": True, "exp": 1},
        {"ad": True, "exp": "2020-01-01T00:00:00Z"},
        {"ad": True, "exp": "tomorrow"},
        {"ad": True, "exp": True},
        {"ad": True, "exp": 10**30},
        {"ad": True, "p": "a"},
    ],
    ids=str,
)
def test_claims_that_open_nothing(guarded: TestClient, claims: dict[str, Any]):
    assert _status(guarded, bearer(**claims)) == 401
    assert guarded.post("/v3/workspaces", json={"id": "w"}, headers=bearer(**claims)).status_code == 401


@pytest.mark.parametrize("exp", ["iso", "seconds"])
def test_expiry_ahead_is_accepted_in_both_forms(guarded: TestClient, exp: str):
    later = datetime.now(UTC) + timedelta(hours=1)
    assert _status(guarded, bearer(w="w", exp=later.isoformat() if exp == "iso" else later.timestamp())) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic d3c6"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer x.y.z"},
        bearer(secret="another secret that is long enough for any algorithm there is, and for this one", ad=True),
        bearer(algorithm="HS512", ad=True),
        {"Authorization": f"Bearer {jwt.encode({'ad': True}, None, algorithm='none')}"},
    ],
)
def test_what_is_no_key_of_ours_is_refused_without_a_challenge(guarded: TestClient, headers: dict[str, str]):
    answer = guarded.post("/v3/workspaces/w/peers/list", headers=headers)
    assert answer.status_code == 401
    assert isinstance(answer.json()["detail"], str)
    assert "www-authenticate" not in answer.headers


def test_malformed_json_is_found_before_the_key_and_a_wrong_shape_after_it(guarded: TestClient):
    headers = {"Content-Type": "application/json"}
    assert guarded.post("/v3/workspaces/w/peers", content=b"{", headers=headers).status_code == 422
    assert guarded.post("/v3/workspaces/w/peers", json={"id": "a b"}).status_code == 401


def test_health_stays_open(guarded: TestClient):
    assert guarded.get("/health").status_code == 200
    assert guarded.get("/openapi.json").status_code == 200
