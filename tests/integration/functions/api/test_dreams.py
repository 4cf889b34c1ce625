"""Asking for a dream over HTTP."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import Backends
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.reasoning.derive import derive
from shared.reasoning.dream import dream
from shared.settings import Settings
from shared.store import repair
from tests.support.backends import RecordingQueue
from tests.support.workspace_client import WorkspaceClient

ASKED = {"observer": "ada", "dream_type": "omni"}


def test_schedule_dream_answers_with_nothing_and_wakes_one_unit(workspace: WorkspaceClient, backends: Backends):
    workspace.says("s", ("ada", "hello"))
    for _ in range(2):
        answer = workspace.post("/schedule_dream", {**ASKED, "observed": None, "session_id": None})
        assert (answer.status_code, answer.content) == (204, b"")
    sent = [one for one in backends.queue.sent if one.unit.kind is TaskKind.DREAM]
    assert [one.unit.key for one in sent if one.unit.workspace == workspace.name] == ["dream::ada:ada"]


def test_schedule_dream_counts_in_the_queue_status_for_its_peers_and_for_no_session(workspace: WorkspaceClient):
    workspace.says("s", ("ada", "hello"))
    before = workspace.get("/queue/status").json()
    workspace.post("/schedule_dream", {"observer": "bob", "observed": "carol", "dream_type": "omni"})
    workspace.post("/schedule_dream", {"observer": "bob", "observed": "carol", "dream_type": "card_refresh"})
    after = workspace.get("/queue/status").json()
    assert after["pending_work_units"] == before["pending_work_units"] + 2
    assert after["sessions"].keys() == {"s"}
    assert workspace.get("/queue/status", observer_id="bob").json()["pending_work_units"] == 2
    assert workspace.get("/queue/status", sender_id="carol").json()["pending_work_units"] == 2
    assert workspace.get("/queue/status", observer_id="carol").json()["pending_work_units"] == 0


def test_schedule_dream_with_a_key_takes_effect_once(workspace: WorkspaceClient, client: TestClient):
    workspace.says("s", ("ada", "hello"))
    path, headers = workspace.at("/schedule_dream"), {"Idempotency-Key": "k1"}
    first = client.post(path, json=ASKED, headers=headers)
    again = client.post(path, json=ASKED, headers=headers)
    assert (first.status_code, again.status_code, again.content) == (204, 204, b"")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert workspace.get("/dreams").json()["total"] == 1
    assert client.post(path, json={**ASKED, "observer": "bob"}, headers=headers).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"observer": "ada"},
        {"dream_type": "omni"},
        {"observer": "ada", "dream_type": "nap"},
        {"observer": "a:b", "dream_type": "omni"},
        {"observer": "ada", "observed": "scope.x", "dream_type": "omni"},
        {"observer": "", "dream_type": "omni"},
    ],
)
def test_schedule_dream_when_it_makes_no_sense_is_refused(workspace: WorkspaceClient, body: dict[str, object]):
    workspace.says("s", ("ada", "hello"))
    assert workspace.post("/schedule_dream", body).status_code == 422


def test_schedule_dream_in_an_unknown_workspace_finds_nothing(workspace: WorkspaceClient):
    answer = workspace.post("/schedule_dream", ASKED)
    assert (answer.status_code, answer.json()["detail"]) == (404, f"workspace {workspace.name} not found")


def test_schedule_dream_where_the_server_does_not_dream_is_refused(workspace: WorkspaceClient, backends: Backends):
    workspace.says("s", ("ada", "hello"))
    dream = backends.settings.dream.model_copy(update={"enabled": False})
    settings = backends.settings.model_copy(update={"dream": dream})
    awake = TestClient(create_app(replace(backends, settings=settings)))
    answer = awake.post(f"/v3/workspaces/{workspace.name}/schedule_dream", json=ASKED)
    assert (answer.status_code, answer.json()) == (400, {"detail": "Dreams are switched off on this server."})


@pytest.fixture
def dreamt(workspace: WorkspaceClient, backends: Backends) -> WorkspaceClient:
    """A workspace in which ada moved, and it was dreamt about."""
    said = {"2031-05-01T07:00:00Z": "I live in Porto.", "2031-05-06T07:00:00Z": "I moved to Lisbon."}
    workspace.records("s", [{"peer_id": "ada", "content": text, "created_at": at} for at, text in said.items()])
    assert isinstance(backends.queue, RecordingQueue)
    unit = WorkUnit(workspace.name, TaskKind.DERIVE, "s", "ada")
    derive(replace(backends, settings=_flushing(backends)), WakeUp(unit, 1))
    workspace.post("/schedule_dream", ASKED)
    for wake_up in backends.queue.take(TaskKind.DREAM):
        dream(backends, wake_up)
    return workspace


def _flushing(backends: Backends) -> Settings:
    deriver = backends.settings.deriver.model_copy(update={"flush_enabled": True})
    return backends.settings.model_copy(update={"deriver": deriver})


def test_dreams_are_shown_with_what_they_changed(dreamt: WorkspaceClient):
    dreamt.post("/schedule_dream", {"observer": "bob", "dream_type": "card_refresh", "session_id": "s"})
    waiting, done = dreamt.get("/dreams").json()["items"]
    assert (waiting["state"], waiting["observer_id"], waiting["session_id"]) == ("pending", "bob", "s")
    assert (done["state"], done["phase"], done["cause"]) == ("finished", "done", "manual")
    assert done["change_counts"] == {"added": 2, "superseded": 1, "line_added": 1}
    whole = dreamt.get(f"/dreams/{done['id']}").json()
    changes = whole.pop("changes")
    assert whole == done
    by_action = {change["action"]: change for change in changes}
    superseded = by_action["superseded"]
    assert superseded["content"] == "ada lives in Porto"
    live = {one["content"]: one["id"] for one in dreamt.post("/conclusions/list", {}).json()["items"]}
    assert superseded["successor_id"] == live["ada moved to Lisbon"]
    assert by_action["line_added"]["line"] == "ATTRIBUTE: Lives in Lisbon"
    assert by_action["line_added"]["source_ids"] == [live["ada moved to Lisbon"]]


def test_dream_that_was_set_aside_and_given_up_is_shown_as_that(dreamt: WorkspaceClient, backends: Backends):
    [done] = dreamt.get("/dreams").json()["items"]
    seen: list[str] = []

    def look() -> None:
        [shown] = dreamt.get("/dreams").json()["items"]
        assert dreamt.get(f"/dreams/{done['id']}").json()["state"] == shown["state"]
        seen.append(shown["state"])

    with backends.db.transaction() as conn:
        for statement in SET_ASIDE:
            conn.execute(statement, {"workspace": dreamt.name})
    look()
    for order in (repair.retry_parked, repair.drop_parked):
        with backends.db.transaction() as conn:
            assert order(conn, dreamt.name, None, now=backends.clock.now()) == 1
        look()
        with backends.db.transaction() as conn:
            conn.execute(SET_ASIDE[1], {"workspace": dreamt.name})
    assert seen == ["parked", "running", "dropped"]


# As if it had failed for good in its second phase.
SET_ASIDE = (
    "UPDATE dreams SET finished_at = NULL, phase = 'induction' WHERE workspace = %(workspace)s",
    "UPDATE work_items SET state = 'parked', error = 'e' WHERE workspace = %(workspace)s AND unit LIKE 'dream:%%'",
)


def test_dreams_do_not_show_what_a_client_deleted_afterwards(dreamt: WorkspaceClient):
    [done] = dreamt.get("/dreams").json()["items"]
    for one in dreamt.post("/conclusions/list", {}).json()["items"]:
        dreamt.delete(f"/conclusions/{one['id']}")
    changes = dreamt.get(f"/dreams/{done['id']}").json()["changes"]
    assert {change["content"] for change in changes if change["action"] == "added"} == {None}


def test_dream_of_another_workspace_is_not_found(dreamt: WorkspaceClient, client: TestClient):
    [done] = dreamt.get("/dreams").json()["items"]
    elsewhere = WorkspaceClient(client, f"{dreamt.name}-other")
    elsewhere.says("s", ("ada", "hello"))
    assert elsewhere.get(f"/dreams/{done['id']}").status_code == 404
    assert elsewhere.get("/dreams").json()["total"] == 0
    assert elsewhere.get("/dreams/nothing").json() == {"detail": "dream nothing not found"}


def test_undo_dream_takes_it_back_and_shows_that(dreamt: WorkspaceClient):
    [done] = dreamt.get("/dreams").json()["items"]
    answer = dreamt.post(f"/dreams/{done['id']}/undo")
    undone = answer.json()
    assert (answer.status_code, undone["state"]) == (200, "undone")
    assert undone == {**done, "state": "undone", "undone_at": undone["undone_at"]}
    live = {one["content"] for one in dreamt.post("/conclusions/list", {}).json()["items"]}
    assert live == {"ada lives in Porto", "ada moved to Lisbon"}
    assert dreamt.get("/peers/ada/card").json() == {"peer_card": None}
    whole = dreamt.get(f"/dreams/{done['id']}").json()
    changes = whole.pop("changes")
    assert whole == undone
    assert [change["is_undone"] for change in changes] == [True] * 4
    assert all(change["content"] for change in changes if change["conclusion_id"])


def test_undo_dream_once_more_gives_the_same_answer(dreamt: WorkspaceClient, client: TestClient):
    [done] = dreamt.get("/dreams").json()["items"]
    assert done["undone_at"] is None
    path, headers = f"/dreams/{done['id']}/undo", {"Idempotency-Key": "k1"}
    first = client.post(dreamt.at(path), headers=headers)
    replayed = client.post(dreamt.at(path), headers=headers)
    again = dreamt.post(path)
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert first.json() == replayed.json() == again.json()
    assert first.json()["undone_at"] is not None


def test_undo_dream_where_something_has_come_of_it_is_refused_with_the_reason(dreamt: WorkspaceClient):
    [done] = dreamt.get("/dreams").json()["items"]
    dreamt.put("/peers/ada/card", {"peer_card": ["mine"]})
    answer = dreamt.post(f"/dreams/{done['id']}/undo")
    assert (answer.status_code, answer.json()) == (409, {"detail": "the card has been changed since"})
    assert dreamt.get(f"/dreams/{done['id']}").json()["state"] == "finished"


def test_undo_dream_of_another_workspace_is_not_found(dreamt: WorkspaceClient, client: TestClient):
    [done] = dreamt.get("/dreams").json()["items"]
    elsewhere = WorkspaceClient(client, f"{dreamt.name}-other")
    elsewhere.says("s", ("ada", "hello"))
    answer = elsewhere.post(f"/dreams/{done['id']}/undo")
    assert (answer.status_code, answer.json()) == (404, {"detail": f"dream {done['id']} not found"})
    assert dreamt.get(f"/dreams/{done['id']}").json()["undone_at"] is None


def test_undo_dream_leaves_a_kept_answer_without_texts(dreamt: WorkspaceClient, client: TestClient):
    """What is kept for a repeated request would otherwise have to be looked through when something is erased."""
    [done] = dreamt.get("/dreams").json()["items"]
    answer = client.post(dreamt.at(f"/dreams/{done['id']}/undo"), headers={"Idempotency-Key": "k1"})
    assert "Porto" not in answer.text
