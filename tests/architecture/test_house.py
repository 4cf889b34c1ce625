"""The house rules no linter knows."""

import re
from collections import Counter
from pathlib import Path

import pytest

from infra.bootstrap import ROOT
from infra.tools.locks import LOCKS, leaks, stale
from tests.support.tree import tracked

MAX_LINES = 400
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "core", "misc"}
# In pieces, so that this file does not find itself.
MACHINE_PATH = re.compile(r"(?:^|[^\w.])/(?:root|work|home/\w+|Users/\w+)" + "/")
REGISTRY = re.compile("--(extra-)?index" + '-url [h<$f]|"resolved": *"http|registry *= *"http')
LEFT_OPEN = re.compile("TO" + "DO|FIX" + "ME|XX" + "X|NotImplemented" + "Error|mark[.]sk" + "ip|mark[.]xf" + "ail")


def _lines(path: Path) -> list[str]:
    try:
        return (ROOT / path).read_text().splitlines()
    except UnicodeDecodeError:
        return []


def _found(pattern: re.Pattern[str], *globs: str) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:80]}"
        for path in tracked(*globs)
        for number, line in enumerate(_lines(path), 1)
        if pattern.search(line)
    ]


def test_python_files_stay_within_a_readers_patience():
    assert [str(path) for path in tracked("*.py") if len(_lines(path)) > MAX_LINES] == []


def test_files_and_folders_say_what_they_hold():
    assert [str(path) for path in tracked() if VAGUE & {part.partition(".")[0] for part in path.parts}] == []


def test_tracked_files_name_no_folder_of_one_machine():
    assert _found(MACHINE_PATH) == []


def test_tracked_files_name_no_registry():
    assert _found(REGISTRY, ":!tests/unit/infra/tools/test_locks.py") == []


def test_python_files_leave_nothing_open():
    assert _found(LEFT_OPEN, "*.py") == []


@pytest.mark.parametrize("lock", LOCKS.values())
def test_lock_names_no_host_and_no_folder(lock: str):
    assert leaks((ROOT / lock).read_text()) == []


def test_locks_are_as_new_as_the_groups_they_come_from():
    assert stale(ROOT) == []


def test_locks_pin_each_package_in_one_place():
    texts = [(ROOT / lock).read_text() for lock in LOCKS.values()]
    pinned = Counter(name for text in texts for name in set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE)))
    assert [name for name, times in pinned.items() if times > 1] == []
