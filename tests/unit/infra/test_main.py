"""The tool speaks plainly before there is an environment, and to Pythons it cannot run on."""

import ast
import io
import subprocess
import sys

import pytest

from infra.__main__ import VERBS, main
from infra.bootstrap import ROOT
from infra.old_python import refusal


def test_help_names_every_verb_with_what_it_does(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert [name for name, verb in VERBS.items() if f"{name} " not in said or verb.help not in said] == []


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_output_that_a_terminal_cannot_write_ends_no_verb(monkeypatch: pytest.MonkeyPatch, encoding: str):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    monkeypatch.setattr("sys.stdout", terminal)
    with pytest.raises(SystemExit):
        main(["--help"])
    print("─ said …")
    assert terminal.buffer.getvalue().endswith(b"? said ?\n")  # pyright: ignore[reportAttributeAccessIssue]


def test_unknown_verb_is_refused_with_the_nearest_one(capsys: pytest.CaptureFixture[str]):
    assert main(["statsu"]) == 2
    assert "did you mean 'status'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py", "old_python.py"])
def test_files_an_old_python_reads_are_in_its_language(name: str):
    ast.parse((ROOT / "infra" / name).read_text(), feature_version=(3, 7))


def test_refusal_names_this_python_in_one_sentence():
    said = refusal()
    assert f"this is Python {sys.version_info.major}.{sys.version_info.minor}" in said
    assert said.count("\n") == 0
    assert said.endswith(".")


def test_import_of_the_tool_needs_the_standard_library_only():
    # -S leaves out site-packages, so that anything installed would be missing.
    alone = subprocess.run([sys.executable, "-S", "-c", "import infra.__main__"], cwd=ROOT, check=False)
    assert alone.returncode == 0
