"""Files on the operator's machine: conversations with models by request, and measurements."""

import json
import multiprocessing
import stat
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import ModelUnavailable
from shared.domain.trace import Trace
from shared.llm.heard import HeardModel
from shared.llm.types import Completion, Reply, SystemTurn, TextDelta, Usage, UserTurn
from shared.telemetry import calls, tracing
from shared.telemetry.files import LocalMetrics, ReasoningTraces
from shared.telemetry.json_lines import JsonLines
from shared.telemetry.tally import tallied
from tests.support.scripted_model import ScriptedModel

CAUSE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
REQUEST = Completion((SystemTurn("Be brief."), UserTurn("Where is ada?")), "dialectic", 100)
REPLY = Reply("In Porto.", usage=Usage(12, 3, 4), model="m-1")


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def traces(tmp_path: Path):
    path = tmp_path / "traces.jsonl"
    listener = ReasoningTraces(JsonLines(str(path)))
    calls.listen(listener)
    yield path
    calls.unlisten(listener)


def test_call_is_written_with_all_that_was_said_for_its_owner_alone(traces: Path):
    with tracing.entry("unit", CAUSE, {"workspace": "w"}), tallied() as tally:
        assert HeardModel(ScriptedModel([REPLY])).complete(REQUEST) == REPLY
    [line] = read(traces)
    assert (line["task_type"], line["workspace"], line["trace_id"]) == ("dialectic_chat", "w", CAUSE.trace_id)
    assert line["input"]["messages"] == [
        {"role": "system", "text": "Be brief."},
        {"role": "user", "text": "Where is ada?"},
    ]
    assert line["input"]["tokens"] == 12
    assert line["output"]["content"] == "In Porto."
    assert (line["output"]["tokens"], line["output"]["finish_reasons"]) == (3, ["stop"])
    assert line["settings"]["max_tokens"] == 100
    assert line["seconds"] >= 0
    assert stat.S_IMODE(traces.stat().st_mode) == 0o600
    assert (tally.calls, tally.input_tokens, tally.output_tokens) == (1, 12, 3)


def test_call_that_fails_or_breaks_off_is_written_once(traces: Path):
    with pytest.raises(ModelUnavailable):
        HeardModel(ScriptedModel([ModelUnavailable("said")])).complete(REQUEST)
    stream = HeardModel(ScriptedModel([REPLY])).stream(REQUEST)
    assert isinstance(next(stream), TextDelta)
    stream.close()  # pyright: ignore[reportAttributeAccessIssue]  # a generator, whose reader went away
    assert list(HeardModel(ScriptedModel([REPLY])).stream(REQUEST))[-1] == REPLY
    failed, left, whole = read(traces)
    assert (failed["error"], failed["output"]["finish_reasons"]) == ("ModelUnavailable", ["error"])
    assert left["error"] == "GeneratorExit"
    assert (whole["error"], whole["output"]["content"]) == (None, "In Porto.")


def test_file_that_others_could_read_is_closed_to_them(tmp_path: Path):
    path = tmp_path / "traces.jsonl"
    path.write_text("")
    path.chmod(0o644)
    JsonLines(str(path)).append({"a": 1})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_file_that_is_full_makes_room_and_keeps_one_before(tmp_path: Path):
    path = tmp_path / "lines.jsonl"
    lines = JsonLines(str(path), most_bytes=100)
    for number in range(20):
        lines.append({"number": number, "filler": "x" * 20})
    assert path.stat().st_size <= 100
    before = Path(f"{path}.1")
    assert before.stat().st_size <= 100
    assert [line["number"] for line in (*read(before), *read(path))][-1] == 19
    assert stat.S_IMODE(before.stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 2


def write_many(path: str, name: str) -> None:
    lines = JsonLines(path, most_bytes=4000)
    for number in range(100):
        lines.append({"name": name, "number": number, "filler": "x" * 50})


def test_processes_that_write_to_one_file_tear_no_line_apart(tmp_path: Path):
    path = tmp_path / "lines.jsonl"
    writers = [
        multiprocessing.get_context("spawn").Process(target=write_many, args=(str(path), name)) for name in "abc"
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert path.stat().st_size <= 4000
    assert all(line["filler"] == "x" * 50 for line in (*read(Path(f"{path}.1")), *read(path)))


def test_file_that_cannot_be_written_is_nobodys_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    lines = JsonLines(str(tmp_path / "no" / "such" / "folder" / "x.jsonl"))
    lines.append({"secret": "diary"})
    lines.append({"secret": "diary"})
    said = [record for record in caplog.records if record.message == "lines_not_written"]
    assert len(said) == 1
    assert "diary" not in caplog.text


def test_measurements_are_written_for_requests_and_work_alone(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    listener = LocalMetrics(JsonLines(str(path)))
    tracing.listen(listener)
    try:
        with (
            tracing.entry("wake_up", CAUSE, {}),
            tracing.entry("unit", CAUSE, {"kind": "derive", "items": 2}),
            tracing.span("model_call"),
        ):
            pass
        with tracing.entry("request", None, {"method": "GET", "route": "/v3/health"}):
            pass
    finally:
        tracing.unlisten(listener)
    work, request = read(path)
    assert (work["task_name"], request["task_name"]) == ("unit derive", "request GET /v3/health")
    assert work["metrics"][0].keys() == {"name", "value", "unit"}
    assert {"name": "items", "value": 2, "unit": "count"} in work["metrics"]
