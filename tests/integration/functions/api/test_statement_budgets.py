"""How many statements the hot routes take, counted on the wire as the functions' own role speaks there."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from shared.store.database import open_database
from shared.store.known_spaces import KnownSpaces
from tests.support.backends import make_settings, vectors_over
from tests.support.database_proxy import DatabaseProxy
from tests.support.workspace_client import WorkspaceClient

Counted = Callable[[Callable[[], Response]], int]


@pytest.fixture(scope="module", params=[True, False], ids=["pipelined", "singly"])
def near(backends: Backends, database_dsn: str, request: pytest.FixtureRequest) -> Iterator[tuple[TestClient, Counted]]:
    """The API over a line that is warm, and what gives the statements of one request that succeeds."""
    with DatabaseProxy(database_dsn) as proxy:
        db = open_database(make_settings(proxy.dsn, pipeline=request.param).db)
        # What all requests of ten seconds share is no request's own.
        patient = replace(backends, db=db, spaces=KnownSpaces(3600))
        client = TestClient(create_app(replace(patient, vectors=vectors_over(patient, db))))

        def statements(ask: Callable[[], Response]) -> int:
            before = proxy.statements
            answer = ask()
            assert answer.is_success, answer.text
            return proxy.statements - before

        yield client, statements
        db.close()


@pytest.fixture
def here(near: tuple[TestClient, Counted], request: pytest.FixtureRequest) -> WorkspaceClient:
    name = "".join(letter if letter.isalnum() else "_" for letter in request.node.name)
    return WorkspaceClient(near[0], name[:100])


@pytest.fixture
def statements(near: tuple[TestClient, Counted], here: WorkspaceClient) -> Counted:
    here.says("warm", ("ada", "up"))
    # The first search learns the type of vectors.
    here.post("/search", {"query": "up"})
    return near[1]


@pytest.mark.parametrize("kind", ["peers", "sessions"])
def test_get_or_create_takes_one_statement_or_two(here: WorkspaceClient, statements: Counted, kind: str):
    def ask() -> Response:
        return here.post(f"/{kind}", {"id": "x"})

    assert 0 < statements(ask) <= 2
    assert statements(ask) == 1
    assert statements(lambda: here.post("/peers", {"id": "ada", "metadata": {"a": 1}})) == 1


def test_get_or_create_of_a_workspace_takes_one_statement_or_two(here: WorkspaceClient, statements: Counted):
    def ask() -> Response:
        return here.client.post("/v3/workspaces", json={"id": f"{here.name}-new"})

    assert 0 < statements(ask) <= 2
    assert statements(ask) == 1


@pytest.mark.parametrize("kind", ["peers", "sessions"])
def test_get_or_create_makes_a_missing_workspace_on_the_way(here: WorkspaceClient, statements: Counted, kind: str):
    new = WorkspaceClient(here.client, f"{here.name}-new")
    assert 0 < statements(lambda: new.post(f"/{kind}", {"id": "x"})) <= 2


CONTEXTS: dict[str, dict[str, object]] = {
    "plain": {},
    "about a peer": {"peer_target": "ada", "search_query": "music", "include_most_frequent": "true"},
    "as a peer sees another": {"peer_target": "ada", "peer_perspective": "bob", "search_query": "music"},
    "through a scope": {"peer_target": "ada", "scope": "all", "search_query": "music"},
    "of this session": {"peer_target": "ada", "limit_to_session": "true", "search_query": "music"},
}


@pytest.mark.parametrize("query", CONTEXTS.values(), ids=CONTEXTS)
def test_context_takes_four_statements_however_long_the_session(
    here: WorkspaceClient, statements: Counted, query: dict[str, object]
):
    here.says("s", ("ada", "I play the cello."), ("bob", "Since when?"))
    here.post("/scopes", {"id": "all"})
    stated = {"content": "plays the cello", "observer_id": "ada", "observed_id": "ada"}
    here.post("/conclusions", {"conclusions": [stated]})
    short = statements(lambda: here.get("/sessions/s/context", **query))
    for _ in range(8):
        here.says("s", *[("ada", "A word.")] * 100)
    assert statements(lambda: here.get("/sessions/s/context", **query)) == short <= 4


SEARCHES: dict[str, dict[str, object]] = {
    "words": {"query": "cello lessons"},
    "nothing known": {"query": "xylophone"},
    "an address": {"query": "a@b.example"},
    "a part of a word": {"query": "ell"},
    "marks only": {"query": "?!"},
    "nothing": {"query": ""},
    "filtered": {"query": "cello", "filters": {"metadata": {"a": 1}, "peer_perspective": "ada"}},
}


@pytest.mark.parametrize("path", ["/search", "/peers/ada/search", "/sessions/s/search"])
@pytest.mark.parametrize("body", SEARCHES.values(), ids=SEARCHES)
def test_search_takes_four_statements_and_one_more_under_a_filter(
    here: WorkspaceClient, statements: Counted, path: str, body: dict[str, object]
):
    here.says("s", ("ada", "I play the cello."), ("bob", "Write to a@b.example about lessons."))
    assert 0 < statements(lambda: here.post(path, body)) <= 4 + ("filters" in body)
