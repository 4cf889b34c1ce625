"""The worked examples of the filter language, over HTTP."""

from collections.abc import Mapping
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.filter_examples import EXAMPLES, REFUSED, written
from tests.support.workspace_client import WorkspaceClient

# The rules beside the table.
BEYOND: tuple[tuple[dict[str, Any], str], ...] = (
    ({"metadata": {"topic": {"gt": 5}}}, ""),
    ({"OR": [{"peer_id": "*"}, {"peer_id": "bob"}]}, "m3 m4"),
    ({"OR": [{"AND": []}], "peer_id": "carol"}, "m5"),
    ({"NOT": [{"metadata": {"prio": {"gt": 5}}}]}, "m1 m2 m5"),
    ({"metadata": {"contains": {"tags": ["a"], "done": True}}}, "m1"),
    ({"metadata": {"prio": {"gt": 1, "lt": 10}}}, "m2 m4"),
    ({"metadata": {"prio": "7"}}, "m4"),
    ({"metadata": {"topic": {"contains": "%"}}}, ""),
    ({"peer_id": {"contains": "_"}}, ""),
    ({"token_count": {"in": [1, "2", 3.0]}}, "m1 m2 m3 m4 m5"),
    ({"token_count": {"in": []}}, ""),
    ({"created_at": {"in": ["2026-01-01T13:00:00+01:00"]}}, "m1"),
    ({"created_at": {"ne": "2026-01-01T12:00:00Z"}}, "m2 m3 m4 m5"),
    ({"workspace_id": "another"}, ""),
    ({"session_id": "another"}, ""),
    ({"session_id": "s", "NOT": [{"peer_id": "bob"}]}, "m1 m2 m5"),
    ({"workspace_id": "*", "session_id": {"in": ["s", "t"]}, "peer_id": "carol"}, "m5"),
    ({"AND": [{"OR": []}, {"peer_id": "carol"}]}, "m5"),
    ({"NOT": []}, "m1 m2 m3 m4 m5"),
    ({"NOT": [{"AND": []}]}, "m1 m2 m3 m4 m5"),
    ({"peer_id": {"gte": "b", "ne": "carol", "contains": "O"}}, "m3 m4"),
    ({"peer_id": "alice", "OR": [{"metadata": {"prio": 1}}, {"peer_id": "bob"}]}, "m1"),
    ({"token_count": {"gte": 1, "lt": "1"}}, ""),
    ({"created_at": "2026-01-05T12:00:00Z"}, "m5"),
    ({"created_at": {"lte": "2026-01-02T12:00:00+00:00"}}, "m1 m2"),
    ({"metadata": {"geo": {"city": "*"}}}, ""),
    ({"metadata": {"a": {"b": {"gt": 1}}}}, ""),
    ({"metadata": {"topic": {"contains": "i", "ne": "billing"}}}, "m2"),
    ({"metadata": {"topic": {"icontains": "BILLING"}}}, "m1 m2"),
    ({"metadata": {"prio": {"in": [1, "*"]}}}, "m1 m2 m3 m4 m5"),
    ({"metadata": {"prio": {"in": []}}}, ""),
    ({"metadata": {"prio": {"ne": 5}}}, "m1 m3 m4"),
    ({"metadata": {"prio": {"ne": "5"}}}, "m1 m3 m4"),
    ({"metadata": {"done": True}}, "m1"),
    ({"metadata": {"done": "true"}}, ""),
    ({"metadata": {"tags": {"in": ['["b"]']}}}, "m2"),
    ({"metadata": {}}, "m1 m2 m3 m4 m5"),
)

REFUSED_BEYOND: tuple[dict[str, Any], ...] = (
    {"metadata": {"ne": {"a": 1}}},
    {"metadata": {"prio": {"gte": [1]}}},
    {"AND": "x"},
    {"OR": {"0": {"peer_id": "a"}}},
    {"NOT": None},
    {"OR": [{"peer_id": "a"}, "x"]},
    {"AND": [{"OR": [{"nope": 1}]}]},
    {"unknown": "*"},
    {"configuration": {}},
    {"peer_id": {"gt": None}},
    {"token_count": {"contains": "1"}},
    {"created_at": {"icontains": "2026"}},
    {"NOT": [{"NOT": [{"NOT": [{"NOT": [{"NOT": [{"NOT": []}]}]}]}]}]},
    {"peer_perspective": "alice"},
)


@pytest.fixture(scope="module")
def chat(client: TestClient) -> WorkspaceClient:
    workspace = WorkspaceClient(client, "filters")
    workspace.records("s", written())
    return workspace


def _listed(chat: WorkspaceClient, given: Mapping[str, Any]) -> str:
    answer = chat.post("/sessions/s/messages/list", {"filters": given})
    assert answer.status_code == 200, answer.text
    return " ".join(message["content"] for message in answer.json()["items"])


@pytest.mark.parametrize(("given", "expected"), EXAMPLES + BEYOND, ids=lambda value: str(value)[:60])
def test_filter_selects_the_messages_of_the_example(chat: WorkspaceClient, given: dict[str, Any], expected: str):
    assert _listed(chat, given) == expected


@pytest.mark.parametrize("given", REFUSED + REFUSED_BEYOND, ids=str)
def test_filter_that_is_not_understood_is_refused_with_its_place(chat: WorkspaceClient, given: dict[str, Any]):
    answer = chat.post("/sessions/s/messages/list", {"filters": given})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"filters.{next(iter(given))}")


@pytest.mark.parametrize("given", ["x", [], 5])
def test_filters_that_are_no_object_are_refused(chat: WorkspaceClient, given: object):
    assert chat.post("/sessions/s/messages/list", {"filters": given}).status_code == 422


def test_contains_ignores_case_beyond_ascii(workspace: WorkspaceClient):
    workspace.records("s", [{"peer_id": "a", "content": "m1", "metadata": {"city": "ÅLESUND"}}])
    assert _listed(workspace, {"metadata": {"city": {"icontains": "ålesund"}}}) == "m1"


@pytest.mark.parametrize("stored", ["1e400", "9" * 500, "0x10", "", "Infinity", [5], {"a": 5}, None])
def test_number_against_what_is_none_does_not_match_and_does_not_fail(workspace: WorkspaceClient, stored: object):
    workspace.records("s", [{"peer_id": "a", "content": "odd", "metadata": {"n": stored}}])
    workspace.records("s", [{"peer_id": "a", "content": "even", "metadata": {"n": 1}}])
    assert _listed(workspace, {"metadata": {"n": {"lt": 9}}}) == "even"


def test_peers_and_sessions_are_filtered_by_their_own_columns(workspace: WorkspaceClient):
    for name, rank in (("a", 1), ("b", 2)):
        workspace.post("/peers", {"id": name, "metadata": {"rank": rank}})
        workspace.post("/sessions", {"id": f"s{name}", "metadata": {"rank": rank}})

    def ids(kind: str, given: dict[str, Any]) -> list[str]:
        return [item["id"] for item in workspace.post(f"/{kind}/list", {"filters": given}).json()["items"]]

    assert ids("peers", {"id": {"contains": "B"}}) == ["b"]
    assert ids("peers", {"metadata": {"rank": {"lt": 2}}, "workspace_id": workspace.name}) == ["a"]
    assert ids("sessions", {"metadata": {"rank": {"gte": 2}}, "is_active": True}) == ["sb"]
    assert ids("sessions", {"created_at": {"gt": "2999-01-01"}}) == []
    assert workspace.post("/peers/list", {"filters": {"is_active": True}}).status_code == 422
