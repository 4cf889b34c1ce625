"""Any filter at all selects what a naive reading selects also where vectors are asked: queries and searches."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.backends import Backends
from shared.domain.work import TaskKind
from shared.memory.indexing import index_messages
from tests.support import naive_filters
from tests.support.backends import RecordingQueue
from tests.support.naive_filters import Column, Refused
from tests.support.workspace_client import WorkspaceClient

Found = Callable[[dict[str, Any]], set[str] | None]
"""The contents of what a filter selects; None where it is refused."""

SESSIONS: Final = ("north", "south", "east")
METADATA: Final[tuple[dict[str, Any], ...]] = ({}, {"k": 1}, {"k": "1"}, {"k": "Åse"}, {"k": [1, 2]}, {"k": None})
MESSAGES: Final[dict[str, Column]] = {
    "session_id": "text",
    "peer_id": "text",
    "token_count": "number",
    "created_at": "moment",
    "metadata": "metadata",
}
CONCLUSIONS: Final[dict[str, Column]] = {
    "id": "text",
    "session_id": "text",
    "content": "text",
    "times_derived": "number",
    "created_at": "moment",
    "metadata": "metadata",
}
_TEXTS = st.sampled_from(["ada", "bob", "north", "south", "o", "T", "%", "_", "*", "nobody"])
_NUMBERS = st.sampled_from([1, 2, 3, "4", 4.5, "1e1", True, "x"])
_MOMENTS = st.sampled_from(["2026-01-02", "2026-01-01T12:30:00Z", "2026-01-03T00:00:00+02:00", "never"])
_OPERATORS = st.sampled_from(["gt", "gte", "lt", "lte", "ne", "contains", "icontains", "like"])
_VALUES: Final = {"text": _TEXTS, "number": _NUMBERS, "moment": _MOMENTS}


def filters_over(columns: dict[str, Column]) -> st.SearchStrategy[dict[str, Any]]:
    """Right and wrong ones."""
    leaves = st.one_of(*(_about(name, kind) for name, kind in columns.items()), st.just({"nope": 1}), st.just({}))

    def grown(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        words = st.sampled_from(["AND", "OR", "NOT"])
        return st.tuples(st.dictionaries(words, st.lists(inner, max_size=3), max_size=2), inner).map(
            lambda both: {**both[1], **both[0]}
        )

    return st.recursive(leaves, grown, max_leaves=5)


def _about(name: str, kind: Column) -> st.SearchStrategy[dict[str, Any]]:
    if kind == "metadata":
        values = st.one_of(st.sampled_from([1, "1", "Åse", [2], None, "*"]), _tested(st.sampled_from([1, "1", "å", 2])))
        return st.fixed_dictionaries({name: st.fixed_dictionaries({"k": values})})
    values = _VALUES[kind]
    return st.fixed_dictionaries({name: st.one_of(values, st.none(), st.lists(values, max_size=2), _tested(values))})


def _tested(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.dictionaries(_OPERATORS, values, min_size=1, max_size=2),
        st.fixed_dictionaries({"in": st.lists(values, max_size=3)}),
    )


@pytest.fixture(scope="module")
def here(client) -> WorkspaceClient:
    return WorkspaceClient(client, "meaning")


@pytest.fixture(scope="module")
def said(here: WorkspaceClient, backends: Backends) -> list[dict[str, Any]]:
    """Messages of two peers in three sessions, with their vectors."""
    start, rows = datetime(2026, 1, 1, 12, tzinfo=UTC), list[dict[str, Any]]()
    for number, session in enumerate(SESSIONS * 12):
        words = " ".join(["otter"] * (number % 4 + 1))
        message = {
            "peer_id": ("ada", "bob")[number % 2],
            "content": f"{words} {number}",
            "metadata": METADATA[number % len(METADATA)],
            "created_at": (start + timedelta(minutes=37 * number)).isoformat(),
        }
        rows += here.records(session, [message])
    queue = backends.queue
    assert isinstance(queue, RecordingQueue)
    for wake_up in queue.take(TaskKind.INDEX):
        index_messages(backends, wake_up)
    return rows


@pytest.fixture(scope="module")
def concluded(here: WorkspaceClient, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Conclusions of one collection and, beside them, of another."""
    sessions = [*SESSIONS, None]
    drawn = [
        {"content": f"fact {n}", "observer_id": "ada", "observed_id": "ada", "session_id": sessions[n % 4]}
        for n in range(40)
    ]
    others = [{**one, "observer_id": "bob"} for one in drawn]
    made = here.post("/conclusions", {"conclusions": drawn + others}).json()
    return [{**one, "metadata": {}} for one in made if one["observer_id"] == "ada"]


def naive(rows: list[dict[str, Any]], columns: dict[str, Column]) -> Found:
    typed = [{**row, "created_at": datetime.fromisoformat(row["created_at"])} for row in rows]

    def found(given: dict[str, Any]) -> set[str] | None:
        try:
            return {row["content"] for row in typed if naive_filters.matches(given, row, columns)}
        except Refused:
            return None

    return found


def asked(here: WorkspaceClient, path: str, body: dict[str, Any], given: dict[str, Any]) -> set[str] | None:
    answer = here.post(path, {**body, "filters": {**given, **body.get("filters", {})}})
    if answer.status_code == 422:
        assert answer.json()["detail"].startswith("filters."), answer.text
        return None
    assert answer.status_code == 200, answer.text
    contents = [row["content"] for row in answer.json()]
    assert len(contents) == len(set(contents))
    return set(contents)


_THOROUGH = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


# A word that all messages have, one that none has, and none at all: by words and meaning, by meaning alone, by age.
@pytest.mark.parametrize("query", ["otter", "xylophone", ""])
def test_search_under_any_filter_finds_what_its_naive_reading_selects(
    here: WorkspaceClient, said: list[dict[str, Any]], query: str
):
    expected = naive(said, MESSAGES)

    @_THOROUGH
    @given(given_one=filters_over(MESSAGES))
    def run(given_one: dict[str, Any]) -> None:
        body = {"query": query, "limit": 100}
        assert asked(here, "/search", body, given_one) == expected(given_one)

    run()


@pytest.mark.parametrize("query", ["what is known", ""])
def test_query_under_any_filter_finds_what_its_naive_reading_selects(
    here: WorkspaceClient, concluded: list[dict[str, Any]], query: str
):
    expected = naive(concluded, CONCLUSIONS)

    @_THOROUGH
    @given(given_one=filters_over(CONCLUSIONS))
    def run(given_one: dict[str, Any]) -> None:
        body = {"query": query, "top_k": 100, "filters": {"observer_id": "ada", "observed_id": "ada"}}
        assert asked(here, "/conclusions/query", body, given_one) == expected(given_one)

    run()


WRONG: Final[tuple[tuple[dict[str, Any], str], ...]] = (
    ({"nope": 1}, "filters.nope"),
    ({"AND": [{}, {"created_at": "x"}]}, "filters.AND[1].created_at"),
    ({"OR": "x"}, "filters.OR"),
    ({"metadata": {"k": {"gt": [1]}}}, "filters.metadata.k.gt"),
)
LISTS: Final = (
    *("/workspaces/list", "/peers/list", "/sessions/list", "/peers/ada/sessions", "/sessions/s/messages/list"),
    *("/conclusions/list", "/search", "/peers/ada/search", "/sessions/s/search", "/conclusions/query"),
)


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(("given_one", "place"), WRONG, ids=str)
def test_wrong_filter_is_refused_with_its_place_wherever_filters_are_taken(
    here: WorkspaceClient, path: str, given_one: dict[str, Any], place: str
):
    collection = {"observer": "ada", "observed": "ada"} if path.endswith("query") else {}
    at = "/v3/workspaces/list" if path == "/workspaces/list" else here.at(path)
    answer = here.client.post(at, json={"query": "x", "filters": {**collection, **given_one}})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(place)


@pytest.mark.parametrize("path", ["/peers/ada/representation", "/peers/ada/chat"])
@pytest.mark.parametrize(
    ("given_one", "place"),
    [
        ({"nope": 1}, "filters.nope"),
        ({"session_id": 5}, "filters.session_id"),
        ({"session_id": {"contains": "x"}}, "filters.session_id"),
        ({"session_id": "*"}, "filters.session_id"),
        ({}, "filters"),
    ],
    ids=str,
)
def test_wrong_allowlist_is_refused_with_its_place(
    here: WorkspaceClient, path: str, given_one: dict[str, Any], place: str
):
    answer = here.post(path, {"query": "x", "filters": given_one})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(place)
