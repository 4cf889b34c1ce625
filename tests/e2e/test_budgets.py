"""A budget in the running service: work stops, says why, and goes on when there is more."""

import json
import subprocess
import sys
import time
from collections.abc import Generator

import httpx
import pytest
from honcho import Honcho
from honcho.http.exceptions import APIError

from infra.local.stack import ROOT, Stack
from tests.support.stack import data_folder, drained

# The offline model is free; here it costs a dollar for a thousand tokens, read or written.
PRICES = '[[price]]\nmodel = "offline/rules-1"\nsince = 2020-01-01\ninput = 1000\noutput = 1000\n'


@pytest.fixture
def limited() -> Generator[Stack]:
    with data_folder() as folder:
        (folder / "prices.toml").write_text(PRICES)
        settings = {"USAGE_PRICES_FILE": str(folder / "prices.toml"), "BUDGET_HARD_USD_PER_MONTH": "0.01"}
        with Stack(folder / "data", settings_env=settings) as up:
            yield up


def tool(stack: Stack, module: str, function: str, *arguments: str) -> str:
    code = f"import sys; from {module} import {function} as verb; sys.exit(verb(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *arguments, "--data", str(stack.data)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout


def test_budget_that_is_used_up_stops_work_and_a_larger_one_resumes_it(limited: Stack):
    with httpx.Client(base_url=f"{limited.base_url}/v3/workspaces/w", timeout=60) as client:
        messages = {"messages": [{"peer_id": "ada", "content": "I live in Lisbon."}]}
        client.post("/sessions/s/messages", json=messages).raise_for_status()
        deadline = time.monotonic() + 60
        while "budget" not in (shown := tool(limited, "infra.tools.orders.status", "status")):
            assert time.monotonic() < deadline, shown
            time.sleep(0.2)
        assert "w/derive:s:ada: 1 item" in shown
        assert "stopped by the budget of its workspace" in shown
        assert client.get("/queue/status").json()["pending_work_units"] == 1
        refused = client.post("/peers/ada/chat", json={"query": "Where does ada live?"})
        assert (refused.status_code, "budget of 0.01" in refused.json()["detail"]) == (402, True)

        with pytest.raises(APIError) as told:
            Honcho(workspace_id="w", base_url=limited.base_url).peer("ada").chat("Where does ada live?")
        # The published SDK repeats a 429, and would wait for as long as the month lasts.
        assert (told.value.status, "budget of 0.01" in str(told.value)) == (402, True)

        client.put("/budget", json={"month": {"hard_usd": 1000}}).raise_for_status()
        drained(limited.base_url, "w")
        answer = client.post("/peers/ada/chat", json={"query": "Where does ada live?"}).json()
        assert "Lisbon" in answer["content"]
        told = client.get("/usage", params={"group_by": "feature"}).json()
    spent = {group["key"]: group["cost_usd"] for group in told["groups"]}
    assert spent["derive"] > 0
    assert spent["dialectic_low"] > 0
    assert told["budget"]["month"]["spent_usd"] == pytest.approx(told["total"]["cost_usd"])
    assert told["budget"]["reserved_usd"] == 0
    shown = tool(limited, "infra.local.usage", "usage", "--workspace", "w")
    assert "dialectic_low" in shown
    exact = json.loads(tool(limited, "infra.local.usage", "usage", "--json", "--by", "model"))
    assert "offline/rules-1" in exact["groups"]
