"""The table of chapter 3.3 over HTTP: each route with each kind of key, about what is its own and what is not."""

import re
import string
from collections.abc import Generator
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from functions.api.app import ROUTERS, create_app
from shared.domain.access import Reach
from tests.support.access_table import EXPECTED, declared
from tests.support.backends import offline_backends
from tests.support.guarded_world import SECTIONS, World, build

# Routes that the table does not know fail the test of the rules.
ROUTES = sorted(declared(ROUTERS).keys() & EXPECTED.keys())
REFUSAL = {"detail": "The key does not allow this."}

_WIDE = {Reach.EVERYBODY, Reach.WORKSPACE, Reach.PEER, Reach.SESSION, Reach.MEMBER, Reach.OWN_MEMBERSHIP, Reach.NAMED}
_SESSION = {Reach.EVERYBODY, Reach.SESSION, Reach.MEMBER, Reach.OWN_MEMBERSHIP}
# What each kind of key opens, of the routes about alice, the session talk, and their workspace.
OPENED: dict[str, set[Reach]] = {
    "admin": set(Reach),
    "workspace": _WIDE,
    "peer in the session": {Reach.EVERYBODY, Reach.PEER, Reach.MEMBER, Reach.OWN_MEMBERSHIP, Reach.NAMED},
    "session": _SESSION,
    "session with a peer": _SESSION,
}
NAMED = [route for route, reach in EXPECTED.items() if reach is Reach.NAMED]
# Where the body names what is wanted, the handler decides: keys for less than it are let through only so far.
OPENED_BY_BODY: dict[str, set[str]] = {
    "POST /workspaces": {
        "peer in the session", "peer that left", "peer elsewhere",
        "session", "session with a peer", "other session", "other session with the peer",
    },
    "POST /workspaces/{workspace_id}/peers": {"peer in the session"},
    "POST /workspaces/{workspace_id}/sessions": {"peer in the session", "session", "session with a peer"},
}  # fmt: skip


@pytest.fixture(scope="module")
def guarded(database_dsn: str, owner_dsn: str) -> Generator[TestClient]:
    with offline_backends(database_dsn, owner_dsn, SECTIONS) as backends:
        yield TestClient(create_app(backends), raise_server_exceptions=False)


@pytest.fixture
def world(guarded: TestClient, request: pytest.FixtureRequest) -> World:
    """For a test that changes it."""
    name = "".join(letter if letter.isalnum() else "_" for letter in request.node.name)
    return build(guarded, name[-90:])


@pytest.fixture(scope="module")
def still_world(guarded: TestClient) -> World:
    """For tests whose requests are refused."""
    return build(guarded, "still")


def _opens(kind: str, route: str) -> bool:
    reach = EXPECTED[route]
    if reach is Reach.NAMED:
        return kind in ("admin", "workspace") or kind in OPENED_BY_BODY[route]
    return reach is Reach.EVERYBODY or reach in OPENED.get(kind, set())


def _is_refused(answer: Response) -> bool:
    return answer.status_code == 401 and "www-authenticate" not in answer.headers


@pytest.mark.parametrize("route", ROUTES)
def test_route_is_open_to_exactly_the_keys_of_the_table(world: World, route: str):
    keys = world.keys()
    refused = [kind for kind in keys if not _opens(kind, route)]
    # First those that must change nothing, so that the others find everything in its place.
    answers = {kind: world.ask(route, keys[kind]) for kind in [*refused, *sorted(set(keys) - set(refused))]}
    assert {kind for kind in refused if not _is_refused(answers[kind])} == set()
    shown = {kind: (one.status_code, one.text) for kind, one in answers.items() if kind not in refused}
    assert {kind: one for kind, one in shown.items() if one[0] in (401, 403, 422) or one[0] >= 500} == {}


@pytest.mark.parametrize("route", [route for route in ROUTES if EXPECTED[route] not in (Reach.EVERYBODY, Reach.ADMIN)])
def test_foreign_workspace_is_refused_as_one_that_is_missing(still_world: World, route: str):
    missing = {**still_world.foreign, "workspace_id": "nowhere"}
    for kind in OPENED.keys() - {"admin"}:
        answers = [still_world.ask(route, still_world.keys()[kind], ids) for ids in (still_world.foreign, missing)]
        assert [(one.status_code, one.json()) for one in answers] == [(401, REFUSAL)] * 2, kind


def _parameters(route: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(route) if name and name != "workspace_id"]


@pytest.mark.parametrize("route", [route for route in ROUTES if _parameters(route)])
def test_thing_of_another_workspace_is_answered_like_one_that_is_missing(world: World, route: str):
    for name in _parameters(route):
        foreign, missing = world.foreign[name], "m" * len(world.foreign[name])
        for kind in OPENED:
            told = [_told(world.ask(route, world.keys()[kind], {name: one}), one) for one in (foreign, missing)]
            assert told[0] == told[1], (name, kind)
            assert told[0][0] < 500


NEIGHBOURS = {"peer_id": "bob", "session_id": "den"}
_NEIGHBOURED = [(route, name) for route in ROUTES for name in _parameters(route) if name in NEIGHBOURS]


@pytest.mark.parametrize(("route", "name"), _NEIGHBOURED)
def test_neighbour_of_a_narrow_key_is_answered_like_one_that_is_missing(still_world: World, route: str, name: str):
    is_about_members = name == "peer_id" and EXPECTED[route] in (Reach.SESSION, Reach.OWN_MEMBERSHIP)
    for kind in OPENED.keys() - {"admin", "workspace"}:
        answers = [
            still_world.ask(route, still_world.keys()[kind], {name: one}) for one in (NEIGHBOURS[name], "nobody")
        ]
        # Whom a session holds is for its own key to know; a peer's key is told nothing of others.
        if is_about_members and kind.startswith("session"):
            assert answers[0].status_code != 401
        else:
            assert [(one.status_code, one.json()) for one in answers] == [(401, REFUSAL)] * 2, kind


_MADE = re.compile(r'"(?:id|uid|created_at|next)": ?"[^"]*"|[A-Za-z0-9_-]{21}')


def _told(answer: Response, named: str) -> tuple[int, Any]:
    """What an answer gives away, without the name that was asked for and what each answer makes anew."""
    if answer.status_code == 401:
        return answer.status_code, answer.json()
    return answer.status_code, _MADE.sub("·", answer.text.replace(named, "·"))
