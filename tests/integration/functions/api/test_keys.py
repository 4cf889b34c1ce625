"""Keys made and ended while the API runs: `POST /v3/keys` and revocation."""

from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from shared.memory.keys import revoke
from tests.support.backends import FrozenClock, offline_backends
from tests.support.guarded_world import ADMIN, SECRET, SECTIONS

NOW = datetime(2031, 5, 6, 7, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def guarded(database_dsn: str, owner_dsn: str) -> Generator[Backends]:
    with offline_backends(database_dsn, owner_dsn, SECTIONS) as opened:
        yield opened


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def door(guarded: Backends, clock: FrozenClock) -> TestClient:
    return TestClient(create_app(replace(guarded, clock=clock)), raise_server_exceptions=False)


def _made(door: TestClient, **query: str) -> str:
    answer = door.post("/v3/keys", params=query, headers=ADMIN)
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"key"}
    return answer.json()["key"]


def _claims(token: str) -> dict[str, Any]:
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert claims.pop("jti")
    assert claims.pop("t") == "2031-05-06T07:00:00Z"
    return claims


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "someday"])
def test_key_that_would_end_at_no_moment_is_not_made(door: TestClient, moment: str):
    answer = door.post("/v3/keys", params={"workspace_id": "w", "expires_at": moment}, headers=ADMIN)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query", "expires_at"])


def _status(door: TestClient, token: str, path: str = "/v3/workspaces/w/peers/list") -> int:
    return door.post(path, headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.mark.parametrize(
    ("query", "claims"),
    [
        ({"workspace_id": "w"}, {"w": "w"}),
        ({"workspace_id": "w", "peer_id": "a"}, {"w": "w", "p": "a"}),
        ({"workspace_id": "w", "session_id": "s", "peer_id": ""}, {"w": "w", "s": "s"}),
        (
            {"workspace_id": "w", "expires_at": "2031-05-07"},
            {"w": "w", "exp": int(datetime(2031, 5, 7, tzinfo=UTC).timestamp())},
        ),
    ],
    ids=str,
)
def test_key_carries_the_claims_that_were_asked_for(door: TestClient, query: dict[str, str], claims: dict[str, Any]):
    assert _claims(_made(door, **query)) == claims


def test_key_opens_what_it_was_made_for(door: TestClient):
    token = _made(door, workspace_id="w")
    assert _status(door, token) == 200
    assert _status(door, token, "/v3/workspaces/v/peers/list") == 401


def test_key_with_an_expiry_works_until_then(door: TestClient, clock: FrozenClock):
    token = _made(door, workspace_id="w", expires_at="2031-05-06T09:00:01+02:00")
    assert _status(door, token) == 200
    clock.advance(seconds=1)
    assert _status(door, token) == 401


@pytest.mark.parametrize("query", [{}, {"workspace_id": ""}, {"peer_id": "a"}, {"session_id": "s"}], ids=str)
def test_key_without_a_workspace_is_invalid(door: TestClient, query: dict[str, str]):
    answer = door.post("/v3/keys", params=query, headers=ADMIN)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize("expires_at", ["", "soon", "2031-13-01", "9" * 400])
def test_key_with_an_expiry_that_is_no_time_is_invalid(door: TestClient, expires_at: str):
    answer = door.post("/v3/keys", params={"workspace_id": "w", "expires_at": expires_at}, headers=ADMIN)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "expires_at"]


def test_no_keys_while_authentication_is_off(client: TestClient):
    answer = client.post("/v3/keys")
    assert (answer.status_code, type(answer.json()["detail"])) == (405, str)


def test_revoked_key_is_refused_within_seconds_and_others_are_not(
    door: TestClient, guarded: Backends, clock: FrozenClock
):
    token, other = _made(door, workspace_id="w"), _made(door, workspace_id="w")
    assert (_status(door, token), _status(door, other)) == (200, 200)
    revoke(guarded, token)
    clock.advance(seconds=2)
    assert (_status(door, token), _status(door, other)) == (401, 200)


def test_admins_key_without_an_id_can_be_revoked_too(door: TestClient, guarded: Backends, clock: FrozenClock):
    token = jwt.encode({"ad": True, "t": "of another minter"}, SECRET, algorithm="HS256")
    assert _status(door, token) == 200
    revoke(guarded, token)
    clock.advance(seconds=2)
    assert _status(door, token) == 401
