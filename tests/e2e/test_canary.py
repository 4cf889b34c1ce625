"""What users write and name stays out of everything the service tells about itself.

Strings that occur nowhere else are planted wherever a user can put one, also where something then goes wrong, and
looked for in every place that operators or their vendors read. The service runs as it does for a user; the vendors'
places are servers on this machine.
"""

import gzip
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import httpx
import jwt
import psycopg
import pytest

from infra.local.stack import Stack
from tests.support.listener import Listener
from tests.support.openai_server import OpenAIServer, Received, Scripted, failure
from tests.support.stack import data_folder, drained

_SECRET = "canary-jwt-secret-0123456789abcdef"
# The word in the middle of each, by which a leak says where it comes from.
_PLACES = (
    "message peer session card document filename filter instruction conclusion question invalid broken metadata summary"
    " idempotency"
)
PLANTED = {name: f"Zq{name}Canary" for name in _PLACES.split()}
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


class Echoing(OpenAIServer):
    """Refuses everything, and repeats in its refusal what it was sent, as some providers do."""

    def next(self, request: Received) -> Scripted:
        return failure(400, request.raw.decode())


@dataclass
class World:
    """A stack with every outlet open, and the servers at the other ends."""

    stack: Stack
    client: httpx.Client
    ends: dict[str, Listener]
    provider: Echoing
    traces: Path
    measured: Path


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Summaries are made by a provider that refuses and echoes; all else is offline."""
    with ExitStack() as undo:
        folder = undo.enter_context(data_folder())
        ends = {name: undo.enter_context(Listener()) for name in ("events", "otlp", "sentry", "langfuse")}
        provider = undo.enter_context(Echoing())
        traces, measured = folder / "traces.jsonl", folder / "measured.jsonl"
        settings = {
            "AUTH_USE_AUTH": "true",
            "AUTH_JWT_SECRET": _SECRET,
            "LOG_LEVEL": "DEBUG",
            "METRICS_ENABLED": "true",
            "TELEMETRY_ENABLED": "true",
            "TELEMETRY_ENDPOINT": ends["events"].url,
            "OTEL_ENABLED": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{ends['otlp'].port}",
            "SENTRY_ENABLED": "true",
            "SENTRY_DSN": f"http://public@127.0.0.1:{ends['sentry'].port}/7",
            "SENTRY_TRACES_SAMPLE_RATE": "1",
            "LANGFUSE_PUBLIC_KEY": "pk",
            "LANGFUSE_SECRET_KEY": "sk",
            "LANGFUSE_HOST": f"http://127.0.0.1:{ends['langfuse'].port}",
            "COLLECT_METRICS_LOCAL": "true",
            "LOCAL_METRICS_FILE": str(measured),
            "REASONING_TRACES_FILE": str(traces),
            "SUMMARY_PROVIDER": "custom",
            "SUMMARY_MODEL": "echo",
            "SUMMARY_MESSAGES_PER_SHORT_SUMMARY": "3",
            "LLM_OPENAI_COMPATIBLE_BASE_URL": provider.url,
            "LLM_OPENAI_COMPATIBLE_API_KEY": "sk-ZqproviderkeyCanary",
            "DERIVER_PROVIDER": "offline",
            "DREAM_PROVIDER": "offline",
            "LLM_EMBEDDING_PROVIDER": "offline",
            **{
                f"DIALECTIC_LEVELS__{level}__PROVIDER": "offline"
                for level in ("minimal", "low", "medium", "high", "max")
            },
            "DERIVER_MAX_ATTEMPTS": "1",
        }
        stack = undo.enter_context(Stack(folder / "data", settings_env=settings))
        token = jwt.encode({"ad": True}, _SECRET, algorithm="HS256")
        headers = {"Authorization": f"Bearer {token}", "traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"}
        base = f"{stack.base_url}/v3/workspaces/acme"
        client = undo.enter_context(httpx.Client(base_url=base, headers=headers, timeout=60))
        yield World(stack, client, ends, provider, traces, measured)


@pytest.fixture(scope="module")
def driven(world: World) -> World:
    """Everything was said and done once, and every outlet has sent what it had."""
    _converse(world)
    _ask(world)
    _go_wrong(world)
    _break_the_database(world)
    _dream(world)
    # The next invocation of each function sends what the last could not in its time.
    world.client.post(f"/peers/{PLANTED['peer']}/chat", json={"query": "And now?", "reasoning_level": "medium"})
    return world


def _settle(world: World) -> None:
    drained(world.stack.base_url, "acme", headers=world.client.headers)


def _converse(world: World) -> None:
    client, peer, session = world.client, PLANTED["peer"], PLANTED["session"]
    configuration = {"reasoning": {"custom_instructions": f"Mind {PLANTED['instruction']}."}}
    assert client.post("/sessions", json={"id": session, "configuration": configuration}).status_code == 201
    texts = [
        f"I live in {PLANTED['message']}.",
        f"I am allergic to {PLANTED['message']}.",
        f"I love {PLANTED['summary']}.",
    ]
    messages = [{"peer_id": peer, "content": text, "metadata": {"m": PLANTED["metadata"]}} for text in texts]
    answer = client.post(
        f"/sessions/{session}/messages",
        json={"messages": messages},
        headers={"Idempotency-Key": PLANTED["idempotency"]},
    )
    assert answer.status_code == 201, answer.text
    uploaded = client.post(
        f"/sessions/{session}/messages/upload",
        data={"peer_id": peer},
        files={"file": (f"{PLANTED['filename']}.txt", f"I own a {PLANTED['document']}.".encode(), "text/plain")},
    )
    assert uploaded.status_code == 201, uploaded.text
    stated = {"content": PLANTED["conclusion"], "observer_id": peer, "observed_id": peer, "session_id": session}
    assert client.post("/conclusions", json={"conclusions": [stated]}).status_code == 201
    assert client.put(f"/peers/{peer}/card", json={"peer_card": [f"LIKES {PLANTED['card']}"]}).is_success
    assert PLANTED["card"] in client.get(f"/peers/{peer}/card").text
    # The summary is refused, with all it was asked about, tried again no more, and set aside.
    _settle(world)


def _ask(world: World) -> None:
    client, peer, session = world.client, PLANTED["peer"], PLANTED["session"]
    asked = {"query": f"Does {PLANTED['question']} suit?", "include_evidence": True}
    for level in ("minimal", "low", "medium"):
        assert client.post(f"/peers/{peer}/chat", json={**asked, "reasoning_level": level}).is_success
    streamed = client.post(f"/peers/{peer}/chat", json={**asked, "stream": True})
    assert streamed.is_success, streamed.text
    assert '"done":true' in streamed.text
    assert client.get(f"/sessions/{session}/context", params={"search_query": PLANTED["question"]}).is_success
    assert client.post("/search", json={"query": PLANTED["question"]}).is_success
    assert client.post("/peers/list", json={"filters": {"metadata": {"name": PLANTED["filter"]}}}).is_success


def _go_wrong(world: World) -> None:
    """Refusals, each of something that quotes a canary."""
    client, peer, session, planted = world.client, PLANTED["peer"], PLANTED["session"], PLANTED["invalid"]
    refused: list[httpx.Response] = [
        client.post(f"/sessions/{session}/messages", json={"messages": [{"peer_id": planted, "content": 7}]}),
        client.post(f"/sessions/{session}/messages", content=f'{{"messages": [{planted}'.encode()),
        client.post("/peers/list", json={"filters": {planted: {"no_such": planted}}}),
        client.get(f"/peers/{planted}-nobody/card"),
        client.get(f"/{planted}/nowhere"),
        client.post(f"/peers/{peer}/chat", json={"query": planted, "reasoning_level": planted}),
        client.get("/peers", headers={"Authorization": f"Bearer {planted}.{planted}.{planted}"}),
        client.get("/peers", headers={"traceparent": planted}),
    ]
    assert {answer.status_code for answer in refused} <= {401, 404, 405, 422}


def _break_the_database(world: World) -> None:
    """From now on rows with this word are refused, and Postgres quotes the row in its error."""
    owner = world.stack.dsn.replace("//app", "//owner", 1)
    planted, session = PLANTED["broken"], PLANTED["session"]
    with psycopg.connect(owner, autocommit=True) as conn:
        conn.execute("ALTER TABLE conclusions ADD CONSTRAINT refused CHECK (content NOT LIKE '%broken%') NOT VALID")
    stated = {"content": planted, "observer_id": PLANTED["peer"], "observed_id": PLANTED["peer"]}
    assert world.client.post("/conclusions", json={"conclusions": [stated]}).status_code == 500
    said = {"messages": [{"peer_id": PLANTED["peer"], "content": f"I live in {planted}."}]}
    assert world.client.post(f"/sessions/{session}/messages", json=said).status_code == 201
    _settle(world)
    with psycopg.connect(owner, autocommit=True) as conn:
        conn.execute("ALTER TABLE conclusions DROP CONSTRAINT refused")


def _dream(world: World) -> None:
    wanted = {"observer": PLANTED["peer"], "dream_type": "omni", "session_id": None}
    assert world.client.post("/schedule_dream", json=wanted).status_code == 204
    _settle(world)


def _plain(body: bytes) -> bytes:
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def _sent(name: str) -> Callable[[World], bytes]:
    return lambda world: b"\n".join(
        _plain(one.body) + repr(sorted(one.headers.items())).encode() for one in world.ends[name].received
    )


def _logs(world: World) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted((world.stack.data / "logs").iterdir()))


SINKS: dict[str, Callable[[World], bytes]] = {
    "logs": _logs,
    "metrics": lambda world: httpx.get(f"{world.stack.base_url}/metrics").content,
    "counters": lambda world: b"\n".join(
        path.read_bytes() for path in sorted((world.stack.data / "metrics").iterdir())
    ),
    "events": _sent("events"),
    "otlp": _sent("otlp"),
    "sentry": _sent("sentry"),
    "langfuse": _sent("langfuse"),
    "measured": lambda world: world.measured.read_bytes(),
}
KEPT: tuple[LiteralString, ...] = ("SELECT * FROM messages", "SELECT * FROM conclusions", "SELECT * FROM sessions")
# A sign that the sink was at work at all, so that an empty one does not pass.
SIGNS = {
    "logs": b"work_attempted",
    "metrics": b"messages_created_total",
    "counters": b"dialectic_calls",
    "events": b"representation.completed",
    "otlp": b"model_call",
    "sentry": b"CheckViolation",
    "langfuse": b"generation",
    "measured": b"unit derive",
}


@pytest.mark.parametrize("sink", SINKS)
def test_nothing_planted_is_found_in(driven: World, sink: str):
    told = SINKS[sink](driven)
    assert SIGNS[sink] in told
    leaked = sorted(name for name, word in PLANTED.items() if word.encode() in told)
    assert leaked == []
    assert b"ZqproviderkeyCanary" not in told
    assert _SECRET.encode() not in told


def test_what_was_planted_did_pass_through(driven: World):
    """Otherwise nothing of it could have been found."""
    asked = b"".join(request.raw for request in driven.provider.received)
    assert PLANTED["summary"].encode() in asked
    assert any("Bearer sk-Zq" in one.headers.get("authorization", "") for one in driven.provider.received)
    with psycopg.connect(driven.stack.dsn) as conn:
        rows = [row for query in KEPT for row in conn.execute(query)]
    kept = str(rows)
    for name in ("message", "document", "filename", "instruction", "conclusion", "metadata", "peer"):
        assert PLANTED[name] in kept, name


def test_metrics_of_all_functions_are_added_up(driven: World):
    text = SINKS["metrics"](driven).decode()
    for series in (
        'messages_created_total{namespace="honcho"}',
        'deriver_queue_items_processed_total{namespace="honcho",task_type="representation"}',
        'work_attempts_total{kind="derive",namespace="honcho",outcome="finished"}',
        'work_attempts_total{kind="dream",namespace="honcho",outcome="finished"}',
        'work_attempts_total{kind="summary",namespace="honcho",outcome="parked"}',
        'dialectic_calls_total{namespace="honcho",reasoning_level="medium"}',
        'telemetry_events_emitted_total{namespace="honcho",type="representation.completed"}',
    ):
        [found] = [line for line in text.splitlines() if line.startswith(series)]
        assert float(found.rpartition(" ")[2]) > 0, series


def test_spans_tell_of_everything_on_the_way(driven: World):
    told = SINKS["otlp"](driven)
    names = "request wake_up unit tick tool_call model_call embedding_call vector_call statements"
    assert [name for name in names.split() if name.encode() not in told] == []


def test_file_of_reasoning_traces_alone_has_content_and_is_its_owners(driven: World):
    lines = [json.loads(line) for line in driven.traces.read_text().splitlines()]
    told = driven.traces.read_text()
    for name in ("message", "question", "instruction", "summary"):
        assert PLANTED[name] in told, name
    assert stat.S_IMODE(os.stat(driven.traces).st_mode) == 0o600
    assert {line["task_type"] for line in lines} >= {"minimal_deriver", "dialectic_chat", "summary_short"}
    assert _SECRET not in told
    assert "ZqproviderkeyCanary" not in told


def test_trace_of_a_request_goes_through_every_place(driven: World):
    """The one id that the caller gave leads through logs, events and spans of other processes."""
    lines = [json.loads(line) for line in _logs(driven).splitlines() if line.startswith(b"{")]
    derived: list[dict[str, Any]] = [
        line for line in lines if line.get("message") == "work_attempted" and line.get("kind") == "derive"
    ]
    assert {line["trace_id"] for line in derived} == {TRACE_ID}
    assert derived[0]["outcome"] == "finished"
    assert derived[0]["model"]
    assert {line["outcome"] for line in derived} == {"finished", "parked"}
    assert bytes.fromhex(TRACE_ID) in SINKS["otlp"](driven)
    assert bytes.fromhex(TRACE_ID) in SINKS["langfuse"](driven)
    assert TRACE_ID.encode() in SINKS["events"](driven)
    assert TRACE_ID.encode() in SINKS["sentry"](driven)
    with psycopg.connect(driven.stack.dsn) as conn:
        found = conn.execute("SELECT DISTINCT trace_id FROM conclusions WHERE is_derived").fetchall()
    assert found == [(TRACE_ID,)]
