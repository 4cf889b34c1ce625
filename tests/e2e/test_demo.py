"""The demo as a newcomer runs it, against a running stack."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.demo import demo
from infra.local.stack import Stack
from tests.support import conversation


def test_demo_when_run_as_it_is_answers_with_a_fact_and_its_messages(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(["--base-url", stack.base_url]) == 0

    shown = capsys.readouterr().out
    answer = shown.partition("chat: ")[2]
    assert "peanuts" in answer.partition("resting on")[0]
    assert "alice: I'm allergic to peanuts" in answer.partition("resting on")[2]


@pytest.mark.parametrize(
    ("name", "rendered"),
    [
        ("talk.json", conversation.as_json),
        ("talk.jsonl", conversation.as_jsonl),
        ("talk.txt", conversation.as_text),
    ],
)
def test_demo_when_given_a_file_of_200_messages_remembers_it(
    stack: Stack, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, rendered: Callable[[], str]
) -> None:
    file = tmp_path / name
    file.write_text(rendered())
    workspace = f"demo-{name.replace('.', '-')}"

    told = ["--file", str(file), "--ask", "What is maria allergic to?"]
    code = demo([*told, "--base-url", stack.base_url, "--workspace", workspace])

    shown = capsys.readouterr().out
    assert code == 0
    assert "shellfish" in shown.partition("chat: ")[2].partition("resting on")[0]


def test_demo_when_lines_are_bad_names_them_and_stores_nothing(
    stack: Stack, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "talk.txt"
    file.write_text("maria: hello\nno name here\nmaria: \n")

    code = demo(["--file", str(file), "--base-url", stack.base_url, "--workspace", "never"])

    said = capsys.readouterr()
    assert code == 1
    assert "line 2" in said.err
    assert "line 3" in said.err
    assert said.out == ""


def test_demo_where_nobody_is_says_that_it_was_not_reached(capsys: pytest.CaptureFixture[str]):
    assert demo(["--base-url", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err.startswith("http://127.0.0.1:9 could not be reached: ")


def test_demo_in_a_workspace_that_cannot_be_starts_no_stack(capsys: pytest.CaptureFixture[str]):
    assert demo(["--workspace", "a b"]) == 1
    shown = capsys.readouterr()
    assert shown.err == "--workspace must be 1 to 512 characters of letters, digits, '_' and '-'\n"
    assert shown.out == ""
