"""What the doctor says about the receivers of telemetry."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.tools.doctor.outlets import examine_outlets
from shared.settings import Settings
from tests.support.scripted_server import Scripted, ScriptedServer

KEY = "hunter2"
Chosen = dict[str, dict[str, object]]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


def events(url: str) -> Chosen:
    return {"telemetry": {"enabled": True, "endpoint": f"{url}/take?key={KEY}", "headers": {"X-Key": KEY}}}


def traces(url: str) -> Chosen:
    return {"otel": {"enabled": True, "exporter_otlp_endpoint": url, "exporter_otlp_headers": f"x-key={KEY}"}}


def sentry(url: str) -> Chosen:
    return {"sentry": {"enabled": True, "dsn": f"{url.replace('://', f'://{KEY}@')}/7"}}


def langfuse(url: str) -> Chosen:
    return {"app": {"langfuse_host": url, "langfuse_public_key": "pk", "langfuse_secret_key": KEY}}


RECEIVERS: dict[str, Callable[[str], Chosen]] = {
    "events": events,
    "traces": traces,
    "sentry": sentry,
    "langfuse": langfuse,
}
KNOBS = {
    "events": ("TELEMETRY_ENDPOINT", "TELEMETRY_HEADERS"),
    "traces": ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"),
    "sentry": ("SENTRY_DSN", "SENTRY_DSN"),
    "langfuse": ("LANGFUSE_HOST", "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"),
}


def told(chosen: Chosen) -> tuple[str, str]:
    """The status and the text of the one line."""
    [finding] = examine_outlets(Settings.model_validate(chosen))
    assert KEY not in finding.line()
    return finding.status, finding.text


@pytest.mark.parametrize("name", RECEIVERS)
def test_doctor_of_a_receiver_that_takes_what_it_is_sent_says_so(server: ScriptedServer, name: str):
    server.script(Scripted(200, b"{}"))
    status, text = told(RECEIVERS[name](server.url))
    assert (status, text.partition(" took")[0]) == ("ok", server.url.removeprefix("http://"))


@pytest.mark.parametrize("name", RECEIVERS)
@pytest.mark.parametrize(
    ("answer", "reason", "is_key"),
    [
        (401, "refuses the key (HTTP 401)", True),
        (403, "refuses the key (HTTP 403)", True),
        (404, "does not take it (HTTP 404)", False),
        (302, "leads elsewhere (HTTP 302)", False),
    ],
)
def test_doctor_of_a_receiver_that_refuses_names_the_setting(
    server: ScriptedServer, name: str, answer: int, reason: str, is_key: bool
):
    server.script(Scripted(answer, b"not with hunter2"))
    status, text = told(RECEIVERS[name](server.url))
    assert (status, text) == ("problem", f"{server.url[7:]} {reason}: see {KNOBS[name][is_key]}")


@pytest.mark.parametrize("name", RECEIVERS)
def test_doctor_of_a_receiver_in_trouble_says_whose_it_is(server: ScriptedServer, name: str):
    server.script(Scripted(503))
    assert told(RECEIVERS[name](server.url)) == ("problem", f"{server.url[7:]} is not available (HTTP 503)")


@pytest.mark.parametrize("name", RECEIVERS)
def test_doctor_of_a_receiver_that_is_away_names_its_address(name: str):
    status, text = told(RECEIVERS[name]("http://127.0.0.1:9"))
    assert (status, text) == ("problem", f"127.0.0.1:9 cannot be reached (ConnectError): see {KNOBS[name][0]}")


def test_doctor_sends_each_receiver_what_leaves_nothing_there(server: ScriptedServer):
    server.script(*[Scripted(200, b"{}")] * 4)
    for chosen in RECEIVERS.values():
        assert told(chosen(server.url))[0] == "ok"
    batch, spans, envelope, projects = server.received
    assert (batch.path, batch.raw, batch.headers["x-key"]) == (f"/take?key={KEY}", b"[]", KEY)
    assert batch.headers["content-type"] == "application/cloudevents-batch+json"
    assert (spans.path, spans.raw, spans.headers["x-key"]) == ("/v1/traces", b"", KEY)
    assert envelope.path == "/api/7/envelope/"
    assert envelope.raw.splitlines()[2] == b'{"discarded_events": []}'
    assert f"sentry_key={KEY}" in envelope.headers["x-sentry-auth"]
    assert projects.path == "/api/public/projects"
    assert projects.headers["authorization"] == f"Basic {base64.b64encode(f'pk:{KEY}'.encode()).decode()}"


@pytest.mark.parametrize("dsn", [f"https://{KEY}@example.com/", f"https://example.com/{KEY}", f"https://{KEY}@/7"])
def test_doctor_of_a_dsn_of_another_form_says_which_it_has(dsn: str):
    status, text = told({"sentry": {"enabled": True, "dsn": dsn}})
    assert (status, text) == ("problem", "the DSN has another form than https://key@host/number: see SENTRY_DSN")


def test_doctor_of_an_address_that_cannot_be_one_says_so():
    status, text = told({"telemetry": {"enabled": True, "endpoint": f"http://[{KEY}", "headers": {}}})
    assert status == "problem"
    assert text.startswith("the address cannot be reached (")


def test_doctor_says_whether_files_can_be_written(tmp_path: Path):
    for place, status in ((tmp_path / "calls.jsonl", "ok"), (tmp_path / "no" / "calls.jsonl", "problem")):
        found, text = told({"app": {"reasoning_traces_file": str(place)}})
        assert found == status
        assert not place.exists()
    assert text == "the file cannot be written where REASONING_TRACES_FILE says"
    assert told({"app": {"collect_metrics_local": True, "local_metrics_file": str(tmp_path)}})[0] == "problem"


def test_doctor_where_nothing_is_chosen_says_so_in_one_line():
    assert told({}) == ("off", "goes nowhere but to the log")
    assert told({"telemetry": {"endpoint": "https://example.com"}})[0] == "off"
