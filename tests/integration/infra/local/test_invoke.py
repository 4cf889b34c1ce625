"""`infra invoke`: one event, one function, the answer on standard output."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.bootstrap import ROOT
from infra.local import state
from infra.local import template as sam
from infra.local.invoke import invoke, read_variables
from infra.local.state import Refused, StackState

EVENTS = ROOT / "tests" / "events"


def test_invoke_prints_the_answer_and_how_long_it_took(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("DB_CONNECTION_URI", database_dsn)
    assert invoke(["TickFunction", "-e", str(EVENTS / "tick.json")]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["sent"] == 0
    last = said.err.splitlines()[-1]
    assert last.startswith("TickFunction answered: loaded in ")
    assert last.endswith(" ms, exit code 0")


@pytest.fixture
def running(tmp_path: Path, database_dsn: str) -> Iterator[Path]:
    """The data folder of a stack that runs, as far as anyone can tell from outside."""
    with state.exclusive(tmp_path):
        state.write(tmp_path, StackState(os.getpid(), "", "http://127.0.0.1:9", database_dsn, "", "", "", ""))
        yield tmp_path


def test_invoke_with_the_running_stack_uses_its_database(running: Path, capsys: pytest.CaptureFixture[str]):
    assert invoke(["ApiFunction", "-e", str(EVENTS / "api_get.json"), "--stack", "--data", str(running)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (200, "ok")


def test_invoke_takes_the_event_from_standard_input_and_variables_from_a_file(
    database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.stdin", io.StringIO((EVENTS / "api_post.json").read_text()))
    variables = tmp_path / "variables"
    variables.write_text(f"DB_CONNECTION_URI={database_dsn}\n")
    assert invoke(["ApiFunction", "-e", "-", "--env-file", str(variables)]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["statusCode"] == 201
    assert "sent: 2 to honcho-derive.fifo" in said.err


def test_invoke_of_a_function_that_fails_gives_its_error_and_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("DB_CONNECTION_URI", "postgresql://app@127.0.0.1:9/none")
    monkeypatch.setattr("sys.stdin", io.StringIO('{"Records": 7}'))
    assert invoke(["DeriverFunction", "-e", "-"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["errorType"] == "TypeError"
    assert "DeriverFunction failed (Unhandled)" in said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["DeriveFunction"], "There is no function DeriveFunction in template.yaml. Did you mean DeriverFunction?"),
        (["Nothing"], "There is no function Nothing in template.yaml. There are ApiFunction, ChatFunction,"),
        (["ChatFunction"], "ChatFunction is a web server and takes no events"),
        (["TickFunction", "-e", "nowhere.json"], "The event nowhere.json cannot be read: No such file"),
        (["TickFunction", "-e", "README.md"], "The event in README.md is not JSON"),
        (["TickFunction", "--env-file", "nowhere"], "The variables in nowhere cannot be read"),
        (["TickFunction", "--stack", "--data", "nowhere"], "No stack is running"),
    ],
)
def test_invoke_of_nothing_that_could_run_says_why_and_gives_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
):
    monkeypatch.chdir(ROOT)
    assert invoke(arguments) == 2
    assert said in capsys.readouterr().err


def test_invoke_with_settings_that_are_wrong_names_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("DB_POOL_SIZE", "many")
    assert invoke(["TickFunction"]) == 2
    assert "DB_POOL_SIZE must be" in capsys.readouterr().err


def test_variables_of_one_function_outweigh_those_of_all(tmp_path: Path):
    file = tmp_path / "env.json"
    file.write_text('{"Parameters": {"A": "1", "B": 2}, "TickFunction": {"B": "3"}, "ApiFunction": {"A": "4"}}')
    assert read_variables(file, "TickFunction") == {"A": "1", "B": "3"}
    file.write_text('{"Parameters": "A=1"}')
    with pytest.raises(Refused, match="stand in no group"):
        read_variables(file, "TickFunction")


def test_variables_for_sam_are_all_named_in_the_template():
    # SAM says nothing of others and leaves them out.
    functions = sam.load(ROOT / "template.yaml").functions
    groups = json.loads((EVENTS / "env.json").read_text())
    named = {name for function in functions.values() for name in function.environment}
    assert set(groups.pop("Parameters")) <= named
    for name, variables in groups.items():
        assert set(variables) <= set(functions[name].environment)
