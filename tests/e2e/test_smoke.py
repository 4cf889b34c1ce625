"""The smoke test of a deploy against whole stacks: one that works, and ones that only look as if they did."""

import re
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from infra.bootstrap import ROOT
from infra.deploy.smoke import smoke
from infra.local.stack import Stack
from tests.support.buffering_door import BufferingDoor
from tests.support.stack import data_folder, eventually

# As it is deployed: the deriver waits for more to read.
_AS_DEPLOYED = {"DERIVER_FLUSH_ENABLED": "false"}


@pytest.fixture(scope="module")
def deployed() -> Generator[Stack]:
    with data_folder() as folder, Stack(folder, settings_env=_AS_DEPLOYED) as stack:
        yield stack


def test_smoke_against_a_working_stack_passes_and_leaves_nothing(deployed: Stack, capsys: pytest.CaptureFixture[str]):
    assert smoke(["--url", deployed.base_url]) == 0
    said = capsys.readouterr().out
    steps = [line.split(":")[0].strip() for line in said.splitlines()]
    assert steps == ["streaming", "messages", "derivation", "chat", "context", "search", "workspace", "smoke test"]
    listed = f"{deployed.base_url}/v3/workspaces/list"
    # In the background, after work that is under way; what it meets then is for the next visit of `tick`.
    eventually(lambda: httpx.post(listed, json={}).json()["items"] == [], seconds=150)


def test_smoke_behind_a_door_that_buffers_says_that_chat_does_not_stream(
    deployed: Stack, capsys: pytest.CaptureFixture[str]
):
    with BufferingDoor(deployed.base_url) as door:
        assert smoke(["--url", door.url]) == 1
    said = capsys.readouterr().err
    assert "does not stream" in said
    assert "AWS_LWA_INVOKE_MODE" in said


def test_smoke_where_no_worker_hears_its_queue_says_what_waits(capsys: pytest.CaptureFixture[str]):
    with (
        data_folder() as folder,
        Stack(folder, settings_env=_AS_DEPLOYED, template=_without_deriver(folder)) as stack,
    ):
        assert smoke(["--url", stack.base_url, "--patience", "3"]) == 1
    said = capsys.readouterr().err
    assert re.search(r"Nothing was concluded .* [1-9]\d* units of work wait", said)
    assert "DeriverFunction" in said


def test_smoke_with_a_key_that_opens_nothing_says_how_to_get_one(capsys: pytest.CaptureFixture[str]):
    guarded = {"AUTH_USE_AUTH": "true", "AUTH_JWT_SECRET": "a secret of this test, long enough to count"}
    with data_folder() as folder, Stack(folder, settings_env=guarded) as stack:
        assert smoke(["--url", stack.base_url, "--key", "not-a-key"]) == 1
    shown = capsys.readouterr()
    assert "the key is not valid. Give a key that this service signed: `python3 -m infra key --admin`" in shown.err
    assert shown.out == ""


def test_smoke_of_an_address_where_nobody_is_says_so(capsys: pytest.CaptureFixture[str]):
    assert smoke(["--url", "http://127.0.0.1:9"]) == 1
    shown = capsys.readouterr()
    assert "http://127.0.0.1:9 could not be reached" in shown.err
    assert shown.out == ""


def _without_deriver(folder: Path) -> Path:
    """The real template without the mapping that gives DeriverFunction its work."""
    text, count = re.subn(
        r"      Events:\n        Derive:\n(?:          .*\n)+", "", (ROOT / "template.yaml").read_text()
    )
    assert count == 1
    place = folder / "template.yaml"
    place.write_text(text)
    return place
