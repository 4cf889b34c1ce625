"""The chat function as it runs: a real uvicorn, many chats at once over one pool of connections."""

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from infra.bootstrap import ROOT
from shared.backends import Backends

CHATS = 16
# The same peer, session and question in both: only the workspace tells them apart.
HOMES = {"one": "Lisbon", "two": "Oslo"}
QUESTION = {"query": "Where does ada live?"}


@contextmanager
def uvicorn(dsn: str, **settings: str) -> Generator[str]:
    """The address of the function in a process of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    environment = {
        **os.environ,
        "DB_CONNECTION_URI": dsn,
        "OFFLINE_ENABLED": "true",
        "LOG_LEVEL": "WARNING",
        **settings,
    }
    command = [sys.executable, "-m", "uvicorn", "functions.api.serve:app", "--fd", str(listener.fileno())]
    server = subprocess.Popen(
        [*command, "--log-level", "warning"], cwd=ROOT, env=environment, pass_fds=[listener.fileno()]
    )
    try:
        # The socket listens already: the first request waits in its backlog.
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v3"
    finally:
        server.terminate()
        server.wait(20)
        listener.close()


@pytest.fixture(scope="module")
def homes(client, backends: Backends) -> Backends:
    """Two workspaces that differ in one fact."""
    for workspace, city in HOMES.items():
        said = {"peer_id": "ada", "content": f"I live in {city}"}
        assert client.post(f"/v3/workspaces/{workspace}/sessions/s/messages", json={"messages": [said]}).is_success
        fact = {"content": f"ada lives in {city}", "observer_id": "ada", "observed_id": "ada"}
        made = client.post(f"/v3/workspaces/{workspace}/conclusions", json={"conclusions": [fact]})
        assert made.status_code == 201
    return backends


@pytest.mark.parametrize("pipeline", ["true", "false"])
@pytest.mark.parametrize("is_cut", [False, True], ids=["in peace", "with lines cut"])
def test_chats_of_two_workspaces_at_the_same_time_never_cross_rows(
    homes: Backends, database_dsn: str, pipeline: str, is_cut: bool
):
    def ask(number: int) -> tuple[str, int, str]:
        workspace = list(HOMES)[number % 2]
        body = {**QUESTION, "stream": number % 4 >= 2}
        answer = http.post(f"{base_url}/workspaces/{workspace}/peers/ada/chat", json=body)
        if is_cut and number == CHATS:
            with homes.db.reading() as conn:
                conn.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        return workspace, answer.status_code, answer.text

    with uvicorn(database_dsn, DB_PIPELINE=pipeline) as base_url, httpx.Client(timeout=60) as http:
        ask(0)
        with ThreadPoolExecutor(CHATS) as pool:
            answers = list(pool.map(ask, range(CHATS * 3)))
    for workspace, status, text in answers:
        other = next(city for name, city in HOMES.items() if name != workspace)
        assert other not in text, text
        # A tool that loses its line tells the model so, which may then know less.
        assert status == 200, text
        assert is_cut or HOMES[workspace] in text, text


def test_chat_is_answered_with_and_without_the_stage_in_its_path(homes: Backends, database_dsn: str):
    # The adapter before uvicorn puts the stage into the path, or leaves it out, by its release.
    with uvicorn(database_dsn) as base_url, httpx.Client(timeout=60) as http:
        for stage in ("/v3", ""):
            answer = http.post(f"{base_url.removesuffix('/v3')}{stage}/workspaces/one/peers/ada/chat", json=QUESTION)
            assert answer.status_code == 200, answer.text
            assert HOMES["one"] in answer.json()["content"]
