"""Webhook endpoints over HTTP."""

from starlette.testclient import TestClient

from tests.support.workspace_client import WorkspaceClient


def made(workspace: WorkspaceClient) -> WorkspaceClient:
    workspace.client.post("/v3/workspaces", json={"id": workspace.name})
    return workspace


def test_webhook_is_made_once_listed_and_deleted(workspace: WorkspaceClient):
    made(workspace)
    first = workspace.post("/webhooks", {"url": "https://example.com/hook"})
    again = workspace.post("/webhooks", {"url": "https://example.com/hook"})
    second = workspace.post("/webhooks", {"url": "http://localhost:9/hook"})
    assert (first.status_code, again.status_code, second.status_code) == (201, 200, 201)
    assert again.json() == first.json()
    assert first.json().keys() == {"id", "workspace_id", "url", "created_at"}
    assert (first.json()["workspace_id"], first.json()["url"]) == (workspace.name, "https://example.com/hook")

    listed = workspace.get("/webhooks", size=1, page=2).json()
    assert (listed["items"], listed["total"], listed["pages"]) == ([second.json()], 2, 2)

    gone = workspace.delete(f"/webhooks/{first.json()['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert workspace.get("/webhooks").json()["items"] == [second.json()]
    assert workspace.delete(f"/webhooks/{first.json()['id']}").status_code == 404


def test_webhook_beyond_the_limit_is_a_conflict(workspace: WorkspaceClient):
    made(workspace)
    statuses = [workspace.post("/webhooks", {"url": f"https://example.com/{n}"}).status_code for n in range(11)]
    assert statuses == [201] * 10 + [409]


def test_webhook_with_an_address_that_may_not_be_is_refused_with_a_sentence(workspace: WorkspaceClient):
    made(workspace)
    for url in (
        "http://169.254.169.254/latest",
        "ftp://example.com",
        "https://example.com/" + "x" * 2048,
        "http://[::1]/",
    ):
        answer = workspace.post("/webhooks", {"url": url})
        assert answer.status_code == 422
        assert isinstance(answer.json()["detail"], str)
    for body in ({}, {"url": None}, {"url": 5}):
        answer = workspace.post("/webhooks", body)
        assert answer.status_code == 422
        assert isinstance(answer.json()["detail"], list)


def test_webhook_of_an_unknown_workspace_is_not_found_and_its_list_is_empty(workspace: WorkspaceClient):
    assert workspace.post("/webhooks", {"url": "https://example.com"}).status_code == 404
    assert workspace.get("/webhooks").json()["items"] == []


def test_test_event_answers_null_whoever_listens(workspace: WorkspaceClient):
    for _ in range(2):
        answer = workspace.get("/webhooks/test")
        assert (answer.status_code, answer.json()) == (200, None)
        made(workspace)


def test_webhook_of_another_workspace_is_not_to_be_seen(client: TestClient, workspace: WorkspaceClient):
    made(workspace)
    other = made(WorkspaceClient(client, "somebody-else"))
    theirs = other.post("/webhooks", {"url": "https://example.com"}).json()["id"]
    assert workspace.delete(f"/webhooks/{theirs}").status_code == 404
    assert other.get("/webhooks").json()["total"] == 1
