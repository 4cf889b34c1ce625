"""The programs of the README, run as they stand there: only the address is that of this stack."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from infra.bootstrap import ROOT
from infra.local.stack import Stack
from tests.support.listener import Listener
from tests.support.stack import data_folder, eventually

README = (ROOT / "README.md").read_text()
PROGRAMS: list[str] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
USUAL = "http://127.0.0.1:8000"
SECRET = "known to the endpoint"


def test_quickstart_of_the_readme_prints_what_was_learnt(stack: Stack, capsys: pytest.CaptureFixture[str]):
    [program] = [program for program in PROGRAMS if "import Honcho" in program]
    assert USUAL in program
    exec(program.replace(USUAL, stack.base_url), {})
    answer, context, hits, *representation = capsys.readouterr().out.splitlines()
    assert "peanuts" in answer
    assert "'role': 'assistant'" in context
    assert "Lisbon" in hits
    assert any("allergic to peanuts" in line for line in representation)


def test_webhook_of_the_readme_is_genuine_by_the_check_of_the_readme():
    [check] = [program for program in PROGRAMS if "def is_genuine" in program]
    found: dict[str, Any] = {}
    exec(check, found)
    is_genuine: Callable[[bytes, dict[str, str], str], bool] = found["is_genuine"]
    settings = {"WEBHOOK_SECRET": SECRET, "WEBHOOK_ALLOW_PRIVATE": "true"}
    with data_folder() as folder, Listener() as listener, Stack(folder, settings_env=settings) as stack:
        with httpx.Client(base_url=f"{stack.base_url}/v3") as client:
            client.post("/workspaces", json={"id": "my-app"}).raise_for_status()
            client.post("/workspaces/my-app/webhooks", json={"url": listener.url}).raise_for_status()
            client.get("/workspaces/my-app/webhooks/test").raise_for_status()
        eventually(lambda: bool(listener.received))
    [event] = listener.received
    headers = {name.title(): value for name, value in event.headers.items()}
    assert is_genuine(event.body, headers, SECRET)
    assert not is_genuine(event.body + b" ", headers, SECRET)
    assert not is_genuine(event.body, headers, "another secret")
