"""Uploading files over HTTP."""

from collections.abc import Generator
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from tests.support.backends import offline_backends
from tests.support.pdf import make_pdf
from tests.support.workspace_client import WorkspaceClient

PLAIN = ("notes.txt", b"hello world", "text/plain")


def _upload(workspace: WorkspaceClient, file: Any = PLAIN, session: str = "s", **fields: str) -> Response:
    path = workspace.at(f"/sessions/{session}/messages/upload")
    data = {"peer_id": "ada", **fields}
    return workspace.client.post(path, files={"file": file}, data=data)


def _internal(backends: Backends, workspace: str) -> list[dict[str, Any]]:
    query = "SELECT internal FROM messages WHERE workspace = %s ORDER BY seq"
    with backends.db.reading() as conn:
        return [row[0] for row in conn.execute(query, (workspace,)).fetchall()]


def test_upload_of_text_is_one_message_with_the_fields_beside_it(workspace: WorkspaceClient):
    answer = _upload(workspace, metadata='{"a": 1}', created_at="2020-01-02T03:04:05+00:00")
    assert answer.status_code == 201
    [message] = answer.json()
    assert message.keys() == {
        "id", "content", "peer_id", "session_id", "metadata", "created_at", "workspace_id", "token_count",
    }  # fmt: skip
    assert (message["content"], message["peer_id"], message["session_id"]) == ("hello world", "ada", "s")
    assert (message["metadata"], message["created_at"]) == ({"a": 1}, "2020-01-02T03:04:05Z")
    assert message["token_count"] == 2
    assert workspace.get(f"/sessions/s/messages/{message['id']}").json() == message


def test_upload_longer_than_a_message_is_cut_and_remembers_its_places(backends: Backends, workspace: WorkspaceClient):
    text = "\n\n".join(f"{number} " + "x" * 9990 for number in range(10))
    made = _upload(workspace, ("long.md", text.encode(), "text/markdown"), metadata='{"a": 1}').json()
    assert "".join(message["content"] for message in made) == text
    assert len(made) == 5
    assert {(str(message["metadata"]), message["created_at"]) for message in made} == {
        ("{'a': 1}", made[0]["created_at"])
    }
    listed = workspace.post("/sessions/s/messages/list").json()["items"]
    assert listed == made
    facts = [internal["file"] for internal in _internal(backends, workspace.name)]
    assert len({fact["id"] for fact in facts}) == 1
    assert [(fact["piece"], fact["pieces"]) for fact in facts] == [(number, 5) for number in range(5)]
    assert [text[fact["start"] : fact["end"]] for fact in facts] == [message["content"] for message in made]
    assert (facts[0]["name"], facts[0]["content_type"], facts[0]["size"]) == ("long.md", "text/markdown", len(text))


def test_upload_of_more_pieces_than_a_batch_may_have_is_recorded_whole(workspace: WorkspaceClient):
    text = "x" * (25_000 * 150 + 1)
    made = _upload(workspace, ("long.txt", text.encode(), "text/plain")).json()
    assert [len(message["content"]) for message in made] == [25_000] * 150 + [1]


def test_upload_of_a_pdf_and_of_json_gives_their_text(workspace: WorkspaceClient):
    [page] = _upload(workspace, ("a.pdf", make_pdf("Otters sleep afloat"), "application/pdf")).json()
    [document] = _upload(workspace, ("a.json", b'{"otters": [1]}', "application/json")).json()
    assert page["content"] == "[Page 1]\nOtters sleep afloat"
    assert '"otters"' in document["content"]
    [empty] = _upload(workspace, ("empty.txt", b"", "text/plain")).json()
    assert (empty["content"], empty["token_count"]) == ("", 0)


@pytest.mark.parametrize(
    ("file", "status"),
    [
        (("a.png", b"x", "image/png"), 415),
        (("a.json", b"{}", "application/json; charset=utf-8"), 415),
        (("a.json", b"{", "application/json"), 422),
        (("a.pdf", b"not a pdf", "application/pdf"), 422),
        (("a.txt", b"x" * 5_242_881, "text/plain"), 413),
        (("a.png", b"x" * 5_242_881, "image/png"), 413),
    ],
)
def test_upload_that_cannot_be_taken_is_refused_and_makes_nothing(workspace: WorkspaceClient, file: Any, status: int):
    answer = _upload(workspace, file)
    assert (answer.status_code, type(answer.json()["detail"])) == (status, str)
    assert workspace.post("/sessions/list").json()["total"] == 0


def test_upload_of_exactly_the_limit_is_taken(workspace: WorkspaceClient):
    assert _upload(workspace, ("a.txt", b"x" * 5_242_880, "text/plain")).status_code == 201


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": "[1]"},
        {"metadata": '"text"'},
        {"metadata": '{"a": NaN}'},
        {"metadata": '{"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}'},
        {"configuration": "[]"},
        {"configuration": '{"reasoning": {"enabled": "perhaps"}}'},
    ],
)
def test_upload_with_fields_that_say_something_wrong_is_422(workspace: WorkspaceClient, fields: dict[str, str]):
    answer = _upload(workspace, **fields)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["body", next(iter(fields))]


@pytest.mark.parametrize(
    "fields", [{"metadata": "{"}, {"metadata": "null"}, {"configuration": "?"}, {"created_at": "yesterday"}]
)
def test_upload_with_fields_that_cannot_be_read_goes_without_them(workspace: WorkspaceClient, fields: dict[str, str]):
    [message] = _upload(workspace, **fields).json()
    assert message["metadata"] == {}


@pytest.mark.parametrize("peer", ["", "a b", "scope.x"])
def test_upload_by_a_peer_of_no_valid_name_is_422(workspace: WorkspaceClient, peer: str):
    assert _upload(workspace, peer_id=peer).status_code == 422


def test_upload_without_its_parts_is_422_and_malformed_400(workspace: WorkspaceClient):
    path = workspace.at("/sessions/s/messages/upload")
    assert workspace.client.post(path, data={"peer_id": "ada"}).status_code == 422
    assert workspace.client.post(path, files={"file": PLAIN}).status_code == 422
    assert workspace.client.post(path, json={"peer_id": "ada"}).status_code == 422
    malformed = workspace.client.post(path, content=b"--x", headers={"content-type": "multipart/form-data"})
    assert (malformed.status_code, type(malformed.json()["detail"])) == (400, str)


def test_upload_that_reasoning_is_switched_off_for_is_not_derived(backends: Backends, workspace: WorkspaceClient):
    _upload(workspace, configuration='{"reasoning": {"enabled": false}}')
    query = "SELECT kind FROM work_units WHERE workspace = %s"
    with backends.db.reading() as conn:
        assert conn.execute(query, (workspace.name,)).fetchall() == [("index",)]


def test_upload_into_a_session_being_deleted_is_404(workspace: WorkspaceClient):
    workspace.post("/sessions", {"id": "s"})
    workspace.delete("/sessions/s")
    assert _upload(workspace).status_code == 404


def test_upload_with_a_strange_file_name_is_taken(backends: Backends, workspace: WorkspaceClient):
    assert _upload(workspace, ("\x00" + "ü" * 400, b"x", "text/plain")).status_code == 201
    [internal] = _internal(backends, workspace.name)
    assert len(internal["file"]["name"]) <= 255


@pytest.fixture
def narrow(database_dsn: str, owner_dsn: str) -> Generator[TestClient]:
    with offline_backends(database_dsn, owner_dsn, {"app": {"max_file_size": 10, "max_message_size": 4}}) as opened:
        yield TestClient(create_app(opened))


def test_upload_limits_are_settings(narrow: TestClient):
    there = WorkspaceClient(narrow, "narrow")
    made = _upload(there, ("a.txt", b"ab cd ef", "text/plain")).json()
    assert [message["content"] for message in made] == ["ab ", "cd ", "ef"]
    assert _upload(there, ("a.txt", b"x" * 11, "text/plain")).status_code == 413
