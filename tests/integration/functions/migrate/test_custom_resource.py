"""The migration as a resource of the stack: what CloudFormation asks is done, and answered once, whatever happens."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from functions.migrate.custom_resource import NotDelivered
from functions.migrate.handler import lambda_handler
from infra.bootstrap import ROOT
from infra.local import template as sam
from infra.local.single_run import Place, run
from infra.migrations import apply
from infra.migrations.apply import LOCK, newest, plain
from tests.integration.functions.migrate.conftest import Managed
from tests.support.database_proxy import DatabaseProxy
from tests.support.response_bucket import ResponseBucket
from tests.support.secrets_server import SecretsServer

EVENTS = ROOT / "tests" / "events"
# The handler keeps half a minute to itself.
KEPT_S = 30.0


class Remaining:
    """A context with so many seconds for the work itself."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + KEPT_S + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - time.monotonic()) * 1000)


@pytest.fixture(autouse=True)
def deployed(managed: Managed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Managed:
    """The function's environment, as the template makes it."""
    # Neither a `.env` nor a `config.toml` of the project.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DB_CONNECTION_URI", managed.dsn)
    monkeypatch.setenv("DB_APP_PASSWORD", "a password; with 'quotes'")
    monkeypatch.setenv("OFFLINE_ENABLED", "true")
    return managed


def event(kind: str, bucket: ResponseBucket, **changed: str) -> dict[str, Any]:
    recorded = json.loads((EVENTS / f"migrate_{kind}.json").read_text())
    return {**recorded, "ResponseURL": bucket.address, **changed}


def asked(kind: str, bucket: ResponseBucket, seconds: float = 60, **changed: str) -> dict[str, Any]:
    """The one answer to a request."""
    answered = len(bucket.answers)
    lambda_handler(event(kind, bucket, **changed), Remaining(seconds))
    [answer] = bucket.answers[answered:]
    recorded = event(kind, bucket)
    assert {name: answer[name] for name in ("StackId", "RequestId", "LogicalResourceId")} == {
        name: recorded[name] for name in ("StackId", "RequestId", "LogicalResourceId")
    }
    return answer


def test_create_migrates_and_lets_the_functions_in(bucket: ResponseBucket, deployed: Managed):
    answer = asked("create", bucket)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "honcho/Migration")
    assert answer["Data"]["Revision"] == newest()
    with psycopg.connect(deployed.as_app("a password; with \\'quotes\\'")) as conn:
        row = conn.execute("SELECT model FROM embedding_spaces").fetchone()
    assert row == (answer["Data"]["Model"],)


def test_update_changes_the_password_and_keeps_the_id(bucket: ResponseBucket, deployed: Managed, monkeypatch):
    created = asked("create", bucket)
    monkeypatch.setenv("DB_APP_PASSWORD", "another")
    updated = asked("update", bucket)
    assert (updated["Status"], updated["Data"]) == ("SUCCESS", created["Data"])
    assert updated["PhysicalResourceId"] == created["PhysicalResourceId"]
    psycopg.connect(deployed.as_app("another")).close()
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(deployed.as_app("a password; with \\'quotes\\'"))


def test_update_takes_up_a_password_that_was_replaced_in_its_secret(
    bucket: ResponseBucket, deployed: Managed, monkeypatch: pytest.MonkeyPatch
):
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
    monkeypatch.setenv("DB_APP_PASSWORD", f"{arn}#password")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    for kind, password in (("create", "first"), ("update", "second")):
        with SecretsServer({arn: json.dumps({"username": "app", "password": password})}) as secrets:
            monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.url)
            assert asked(kind, bucket)["Status"] == "SUCCESS"
        psycopg.connect(deployed.as_app(password)).close()


class Hesitant(dict[str, str]):
    """Secrets that are not given when they are asked for the first time."""

    def __contains__(self, key: object) -> bool:
        was_asked, self.was_asked = getattr(self, "was_asked", False), True
        return was_asked and super().__contains__(key)


def test_create_with_a_role_that_is_not_known_yet_asks_again_for_the_secret(
    bucket: ResponseBucket, deployed: Managed, monkeypatch: pytest.MonkeyPatch
):
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:new-AbCdEf"
    monkeypatch.setenv("DB_APP_PASSWORD", arn)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with SecretsServer(Hesitant({arn: "the password"})) as secrets:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.url)
        assert asked("create", bucket)["Status"] == "SUCCESS"
    assert secrets.asked == [arn, arn]
    psycopg.connect(deployed.as_app("the password")).close()


def test_update_to_an_older_version_leaves_the_database_as_it_is(bucket: ResponseBucket, deployed: Managed):
    asked("create", bucket)
    with psycopg.connect(plain(deployed.dsn)) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    answer = asked("update", bucket)
    assert (answer["Status"], answer["Data"]["Revision"]) == ("SUCCESS", "9999")
    assert "ahead of" in answer["Reason"]
    assert apply.current(deployed.dsn) == "9999"


@pytest.mark.parametrize("physical_id", ["honcho/Migration", "honcho-Migration-1ABCD2EFGH3IJ"])
def test_delete_without_a_database_succeeds_also_for_what_never_was(
    bucket: ResponseBucket, monkeypatch: pytest.MonkeyPatch, physical_id: str
):
    monkeypatch.setenv("DB_CONNECTION_URI", "postgresql+psycopg://master@127.0.0.1:9/gone")
    monkeypatch.setenv("DB_APP_PASSWORD", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:gone-AbCdEf#password")
    answer = asked("delete", bucket, PhysicalResourceId=physical_id)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", physical_id)


def test_delete_keeps_the_tables(bucket: ResponseBucket, deployed: Managed):
    asked("create", bucket)
    asked("delete", bucket)
    assert apply.current(deployed.dsn) == newest()


def test_create_where_a_revision_fails_says_which_and_undoes_all(bucket: ResponseBucket, deployed: Managed):
    with psycopg.connect(plain(deployed.dsn)) as conn:
        conn.execute("CREATE TABLE webhooks (id text)")
    answer = asked("create", bucket)
    assert answer["Status"] == "FAILED"
    assert 'in revision 0004: relation "webhooks" already exists (42P07)' in answer["Reason"]
    assert apply.current(deployed.dsn) is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DB_CONNECTION_URI", "postgresql://master:wrong-hunter2@127.0.0.1:{port}/fresh", "refuses the connection"),
        ("DB_CONNECTION_URI", "postgresql://master:hunter2@127.0.0.1:9/fresh", "connecting to the database"),
        ("DB_POOL_SIZE", "hunter2", "DB_POOL_SIZE must be"),
    ],
)
def test_create_that_cannot_begin_says_why_and_shows_no_secret(
    bucket: ResponseBucket, deployed: Managed, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
):
    monkeypatch.setenv(name, value.format(port=deployed.server.port))
    answer = asked("create", bucket, seconds=0.3)
    assert answer["Status"] == "FAILED"
    assert said in answer["Reason"]
    assert "hunter2" not in answer["Reason"]
    assert "127.0.0.1" not in answer["Reason"]


def test_create_while_another_deploy_holds_the_database_answers_in_time(bucket: ResponseBucket, deployed: Managed):
    with psycopg.connect(plain(deployed.dsn)) as conn:
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        context = Remaining(1)
        lambda_handler(event("create", bucket), context)
        left_s = context.get_remaining_time_in_millis() / 1000
        waiting = conn.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
    [answer] = bucket.answers
    assert answer["Status"] == "FAILED"
    assert "Another deploy may be migrating it" in answer["Reason"]
    # The statement was cancelled, and there was time enough to try several times to answer.
    assert waiting == (0,)
    assert left_s > KEPT_S / 2
    assert asked("create", bucket)["Status"] == "SUCCESS"


def test_create_in_the_genuine_client_is_answered_before_lambda_ends_the_function(
    bucket: ResponseBucket, deployed: Managed
):
    template = sam.load(ROOT / "template.yaml")
    hurried = replace(template.functions["MigrateFunction"], timeout_s=int(KEPT_S) + 1)
    place = Place(variables={"DB_CONNECTION_URI": deployed.dsn, "OFFLINE_ENABLED": "true"})
    with psycopg.connect(plain(deployed.dsn)) as conn:
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        create = json.dumps(event("create", bucket)).encode()
        done = run(replace(template, functions={"MigrateFunction": hurried}), "MigrateFunction", create, place)
    [answer] = bucket.answers
    assert (done.result.error, answer["Status"]) == (None, "FAILED")
    assert "time was over while preparing" in answer["Reason"]


def test_create_with_a_database_that_wakes_up_waits_for_it(
    bucket: ResponseBucket, deployed: Managed, monkeypatch: pytest.MonkeyPatch
):
    with DatabaseProxy(deployed.dsn) as proxy:
        proxy.cut_at("before", b"user", times=2)
        monkeypatch.setenv("DB_CONNECTION_URI", proxy.dsn)
        assert asked("create", bucket)["Status"] == "SUCCESS"
        assert proxy.is_sprung


def test_answer_that_is_not_taken_at_first_is_sent_again(bucket: ResponseBucket):
    bucket.refusals.extend([503, 500])
    assert asked("delete", bucket)["Status"] == "SUCCESS"
    assert bucket.attempts == 3


def test_answer_that_is_refused_fails_the_run_without_repeating_the_address(bucket: ResponseBucket):
    bucket.refusals.append(403)
    with pytest.raises(NotDelivered, match="refused the answer with 403") as caught:
        lambda_handler(event("delete", bucket), Remaining(60))
    assert bucket.attempts == 1
    assert "Signature" not in str(caught.value)


def test_answer_that_reaches_nobody_fails_the_run_in_time_and_the_next_run_delivers_it(bucket: ResponseBucket):
    nowhere = {"ResponseURL": "http://127.0.0.1:9/key?signature=s"}
    context = Remaining(-KEPT_S + 6)
    with pytest.raises(NotDelivered, match="could not be reached"):
        lambda_handler(event("create", bucket, **nowhere), context)
    assert context.get_remaining_time_in_millis() > 0
    # Lambda runs the same event again; what was done is done.
    assert asked("create", bucket)["Status"] == "SUCCESS"
