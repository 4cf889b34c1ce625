"""Events as AWS documents them, each through its handler in the genuine runtime client, against a real database."""

import base64
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from infra.bootstrap import ROOT
from infra.local import template as sam
from infra.local.launcher import Databases
from infra.local.single_run import Place, Run, run
from infra.migrations.apply import ensure_space, newest
from shared.llm.provider import open_embedder
from shared.queue.envelope import unpack
from shared.settings import Settings
from shared.settings.choice import embedding_spec
from tests.support.response_bucket import ResponseBucket

EVENTS = ROOT / "tests" / "events"
TEMPLATE = sam.load(ROOT / "template.yaml")
LOCAL = {"OFFLINE_ENABLED": "true", "DERIVER_FLUSH_ENABLED": "true"}
Given = Callable[..., Run]


def recorded(name: str) -> dict[str, Any]:
    return json.loads((EVENTS / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def given(database_dsn: str, owner_dsn: str) -> Given:
    """Gives an event to a function; all of this module share a database."""
    offline = Settings.model_validate({"offline": {"enabled": True}})
    ensure_space(owner_dsn, open_embedder(embedding_spec(offline)).space)
    place = Place(Databases(owner=owner_dsn, app=database_dsn), variables=LOCAL)

    def through(function: str, name: str, **changed: object) -> Run:
        return run(TEMPLATE, function, json.dumps({**recorded(name), **changed}).encode(), place)

    return through


def answer(done: Run) -> Any:
    """What the function gave; fails the test when it failed."""
    assert done.result.error is None, done.said
    return json.loads(done.result.payload)


def body(done: Run, status: int) -> Any:
    """What is inside an answer for API Gateway."""
    found = answer(done)
    assert found["statusCode"] == status, found
    text = base64.b64decode(found["body"]) if found["isBase64Encoded"] else found["body"]
    return json.loads(text)


@pytest.fixture(scope="module")
def told(given: Given) -> Run:
    """The session of the recorded events, written by the recorded POST."""
    return given("ApiFunction", "api_post")


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(query).fetchall()  # pyright: ignore[reportArgumentType, reportCallIssue] - constants of this file


def test_get_without_the_stage_in_its_path_is_answered(given: Given):
    assert body(given("ApiFunction", "api_get"), 200)["status"] == "ok"


def test_post_of_json_writes_messages_and_wakes_the_workers(told: Run):
    messages = body(told, 201)
    assert [message["peer_id"] for message in messages] == ["alice", "assistant"]
    assert {"honcho-derive.fifo", "honcho-chores.fifo"} <= set(told.sent)


def test_post_that_was_on_its_way_for_too_long_is_refused_and_writes_nothing(given: Given, database_dsn: str):
    context = {**recorded("api_post")["requestContext"], "requestTimeEpoch": 1_795_896_940_123}
    path = "/workspaces/events/sessions/too-late/messages"
    assert "too long" in body(given("ApiFunction", "api_post", requestContext=context, path=path), 503)["detail"]
    assert rows(database_dsn, "SELECT * FROM messages WHERE session = 'too-late'") == []


def test_upload_in_base64_becomes_messages(given: Given, told: Run):
    [message] = body(given("ApiFunction", "api_upload"), 201)
    assert message["content"] == "My sister Ana lives in Porto. Café at nine on Sundays."


def test_path_of_a_custom_domain_keeps_its_version_once(given: Given, told: Run):
    page = body(given("ApiFunction", "api_custom_domain"), 200)
    assert page["size"] == 10
    assert page["items"][-1]["content"].startswith("I moved to Lisbon")


def test_function_url_of_payload_version_2_is_answered(given: Given, told: Run):
    assert {peer["id"] for peer in body(given("ApiFunction", "function_url"), 200)["items"]} >= {"alice"}


def test_derive_event_concludes_once_however_often_it_comes(given: Given, told: Run, database_dsn: str):
    for _ in range(2):
        assert answer(given("DeriverFunction", "derive")) == {"batchItemFailures": []}
    concluded = rows(database_dsn, "SELECT content FROM conclusions WHERE workspace = 'events' AND observed = 'alice'")
    assert len([text for (text,) in concluded if "Lisbon" in text]) == 1


def test_chores_event_indexes_and_lets_go_of_a_session_that_is_gone(given: Given, told: Run, database_dsn: str):
    assert answer(given("ChoresFunction", "chores")) == {"batchItemFailures": []}
    assert rows(database_dsn, "SELECT count(*) > 0 FROM message_search WHERE workspace = 'events'") == [(True,)]


@pytest.mark.parametrize(("function", "name"), [("SummaryFunction", "summary"), ("DreamFunction", "dream")])
def test_event_of_a_unit_with_nothing_to_do_is_acknowledged(given: Given, told: Run, function: str, name: str):
    assert answer(given(function, name)) == {"batchItemFailures": []}


def test_scheduled_event_is_a_visit(given: Given, told: Run):
    assert set(answer(given("TickFunction", "tick"))) >= {"sent", "next_due_at"}


def test_custom_resource_is_created_updated_and_deleted(given: Given):
    with ResponseBucket() as bucket:
        for name in ("migrate_create", "migrate_update", "migrate_delete"):
            assert answer(given("MigrateFunction", name, ResponseURL=bucket.address)) == {"status": "SUCCESS"}
    created, updated, deleted = bucket.answers
    assert created["Data"]["Revision"] == updated["Data"]["Revision"] == newest()
    assert {one["PhysicalResourceId"] for one in (created, updated, deleted)} == {"honcho/Migration"}


@pytest.mark.parametrize("name", ["derive", "summary", "dream", "chores"])
def test_recorded_wake_up_is_what_we_send(name: str):
    for record in recorded(name)["Records"]:
        wake_up = unpack(record["body"])
        assert record["attributes"]["MessageGroupId"] == wake_up.unit.group_id()
        assert record["attributes"]["MessageDeduplicationId"] == wake_up.deduplication_id()
        assert record["eventSourceARN"].endswith(f":honcho-{name}.fifo")


def test_every_recorded_event_is_used_here(request: pytest.FixtureRequest):
    source = request.path.read_text()
    assert [path.stem for path in EVENTS.glob("*.json") if f'"{path.stem}"' not in source and path.stem != "env"] == []
