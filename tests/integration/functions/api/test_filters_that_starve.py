"""A filter that few meet finds them also among more neighbours than the index of vectors is asked for."""

import pytest

from shared.backends import Backends
from shared.domain.work import TaskKind
from shared.memory.indexing import index_messages
from tests.support.backends import RecordingQueue
from tests.support.workspace_client import WorkspaceClient

CROWD = 1100
QUERY = "playing the cello"


@pytest.fixture(scope="module")
def crowded(client, backends: Backends) -> WorkspaceClient:
    """More that is near the query than the index is asked for, and two things that are far from it and different."""
    here = WorkspaceClient(client, "crowded")
    odd = [{"peer_id": "ada", "content": f"tax form {n}", "metadata": {"odd": n}} for n in (1, 2)]
    said = odd + [{"peer_id": "ada", "content": f"plays the cello {n}"} for n in range(CROWD)]
    for start in range(0, len(said), 100):
        here.records("s", said[start : start + 100])
    queue = backends.queue
    assert isinstance(queue, RecordingQueue)
    for wake_up in queue.take(TaskKind.INDEX):
        index_messages(backends, wake_up)
    names = {"observer_id": "ada", "observed_id": "ada"}
    drawn = [{**names, "content": one["content"], "session_id": "s" if "metadata" in one else None} for one in said]
    for start in range(0, len(drawn), 100):
        assert here.post("/conclusions", {"conclusions": drawn[start : start + 100]}).status_code == 201
    return here


@pytest.mark.parametrize("path", ["/search", "/sessions/s/search", "/peers/ada/search"])
def test_search_finds_the_few_that_meet_a_filter_among_many_that_are_nearer(crowded: WorkspaceClient, path: str):
    found = crowded.post(path, {"query": QUERY, "filters": {"metadata": {"odd": {"gt": 0}}}, "limit": 10}).json()
    assert sorted(one["content"] for one in found) == ["tax form 1", "tax form 2"]
    assert len(crowded.post(path, {"query": QUERY, "limit": 10}).json()) == 10


def test_query_finds_the_few_that_meet_a_filter_among_many_that_are_nearer(crowded: WorkspaceClient):
    named = {"observer": "ada", "observed": "ada"}
    few = crowded.post("/conclusions/query", {"query": QUERY, "filters": {**named, "session_id": "s"}}).json()
    assert sorted(one["content"] for one in few) == ["tax form 1", "tax form 2"]
    one = crowded.post("/conclusions/query", {"query": QUERY, "top_k": 1, "filters": {**named, "session_id": "s"}})
    assert len(one.json()) == 1
    near = {"query": QUERY, "distance": 0.2, "filters": {**named, "session_id": "s"}}
    assert crowded.post("/conclusions/query", near).json() == []
