"""Far more requests at once than there are places: some wait, the rest is told when to come back, readers get in."""

import asyncio
import json
import time

import httpx

from infra.local.stack import Stack
from infra.tools.load import bench
from shared.settings.sections import ApiSettings

BURST = 3 * ApiSettings().max_waiting
READS = 10


async def _post(base_url: str, tls: object, number: int) -> httpx.Response:
    async with httpx.AsyncClient(base_url=base_url, timeout=60, verify=tls) as http:
        message = {"peer_id": f"p{number}", "content": f"message {number}"}
        return await http.post(f"/v3/workspaces/flood/sessions/s{number % 20}/messages", json={"messages": [message]})


async def _flood(base_url: str) -> tuple[list[httpx.Response], list[tuple[int, float]]]:
    """The answers to a burst of writes, and the status and seconds of reads made in the middle of it."""
    tls = httpx.create_ssl_context()
    writes = [asyncio.create_task(_post(base_url, tls, number)) for number in range(BURST)]
    reads: list[tuple[int, float]] = []
    async with httpx.AsyncClient(base_url=base_url, timeout=60, verify=tls) as http:
        await asyncio.wait(writes, return_when=asyncio.FIRST_COMPLETED)
        for _ in range(READS):
            started = time.monotonic()
            answer = await http.post("/v3/workspaces/flood/sessions/list", json={})
            reads.append((answer.status_code, time.monotonic() - started))
    return await asyncio.gather(*writes), reads


def test_door_when_flooded_with_writes_sheds_them_with_a_time_and_serves_reads(stack: Stack):
    httpx.post(f"{stack.base_url}/v3/workspaces", json={"id": "flood"}).raise_for_status()

    writes, reads = asyncio.run(_flood(stack.base_url))

    assert {answer.status_code for answer in writes} == {201, 429}
    shed = [answer for answer in writes if answer.status_code == 429]
    assert all(int(answer.headers["retry-after"]) >= 1 and answer.json()["detail"] for answer in shed)
    assert [status for status, _ in reads] == [200] * READS
    assert max(seconds for _, seconds in reads) < ApiSettings().max_wait_seconds
    stored = httpx.post(f"{stack.base_url}/v3/workspaces/flood/sessions/list", params={"size": 100}, json={}).json()
    kept = sum(
        httpx.post(f"{stack.base_url}/v3/workspaces/flood/sessions/{one['id']}/messages/list", json={}).json()["total"]
        for one in stored["items"]
    )
    assert kept == BURST - len(shed)
    assert httpx.get(f"{stack.base_url}/_local/status").json()["door"]["ApiFunction"]["shed"] >= len(shed)


def test_bench_when_run_against_a_stack_loses_nothing(stack: Stack, capsys, tmp_path):
    few = ["--seconds", "2", "--writers", "3", "--readers", "1", "--sessions", "10", "--times", "2"]
    assert bench(["--base-url", stack.base_url, "--data", str(stack.data), *few, "--json", str(tmp_path / "f")]) == 0
    shown = capsys.readouterr().out
    assert [phase["writers"] for phase in json.loads((tmp_path / "f").read_text())] == [3, 6]
    assert "lost 0, failed requests 0" in shown
    assert "each derived exactly once: True" in shown
