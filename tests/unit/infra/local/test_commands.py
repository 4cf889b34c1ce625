"""What the verbs of the local stack say: where to go on, in commands that work as they are printed."""

import importlib
from dataclasses import replace
from pathlib import Path

import pytest

from infra.__main__ import VERBS
from infra.local import state
from infra.local.commands import _welcome, logs  # pyright: ignore[reportPrivateUsage]
from infra.local.mode import describe
from infra.local.state import StackState
from shared.settings import Settings

STACK = StackState(
    pid=1,
    base_url="http://127.0.0.1:8000",
    sqs_url="",
    dsn="",
    data=str(state.USUAL),
    logs="",
    mode=describe(Settings.model_validate({"offline": {"enabled": True}})),
    started_at="",
    docs="http://127.0.0.1:8000/docs",
)


def verb(name: str, *argv: str) -> int:
    found = VERBS[name]
    return getattr(importlib.import_module(found.module), found.function)(list(argv))


def test_welcome_fits_a_terminal_and_leads_to_the_documentation():
    said = _welcome(STACK).splitlines()
    assert max(map(len, said)) <= 80
    assert "  docs      http://127.0.0.1:8000/docs" in said
    assert "  stop      Ctrl-C, or python3 -m infra down" in said
    assert "docs" not in _welcome(replace(STACK, docs=""))


def test_welcome_of_a_stack_in_another_folder_names_it_in_its_commands(tmp_path: Path):
    said = _welcome(replace(STACK, data=str(tmp_path / "my data")))
    assert f"python3 -m infra logs --data '{tmp_path}/my data'" in said
    assert f"python3 -m infra down --data '{tmp_path}/my data'" in said


@pytest.mark.parametrize(
    "argv",
    [
        ("status",),
        ("flush",),
        ("usage",),
        ("parked", "list"),
        ("parked", "retry", "--workspace", "w"),
        ("vectors", "verify"),
        ("vectors", "find", "--workspace", "w", "tea"),
        ("reindex", "--all"),
        ("reindex", "--all", "--status"),
        ("key", "revoke", f"key_{'a' * 21}"),
    ],
    ids=" ".join,
)
def test_verb_without_a_stack_says_how_to_start_the_one_it_means(
    tmp_path: Path, argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    assert verb(*argv, "--data", str(tmp_path)) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"No stack is running: start one with `python3 -m infra up --data {tmp_path}`" in shown.err


def test_data_folder_may_stand_before_the_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert verb("parked", "--data", str(tmp_path), "list") == 1
    assert f"--data {tmp_path}" in capsys.readouterr().err


def test_second_stack_on_a_folder_is_told_how_to_stop_the_first(tmp_path: Path):
    with (
        state.exclusive(tmp_path),
        pytest.raises(state.Refused, match=f"`python3 -m infra down --data {tmp_path}`"),
        state.exclusive(tmp_path),
    ):
        pass


@pytest.mark.parametrize("lines", ["-3", "many"])
def test_logs_of_no_number_of_lines_are_refused(lines: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        logs(["-n", lines])
    assert (ended.value.code, "is not a number of lines" in capsys.readouterr().err) == (2, True)
