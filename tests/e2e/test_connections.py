"""Connections killed under functions that run and functions that are frozen: nobody outside notices."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg

from infra.local.stack import Stack

WRITERS, EACH, KILLS = 4, 30, 4
# So far apart that the second try of a request hardly ever meets the next one.
BETWEEN = 15
MOST_REFUSED = 2


def kill_all(dsn: str) -> int:
    """End every session of the functions; gives how many there were."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        ended = conn.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'honcho-serverless' AND pid <> pg_backend_pid()"
        ).fetchone()
    assert ended is not None
    return int(ended[0])


def test_frozen_functions_whose_connections_were_killed_answer_the_next_event(stack: Stack):
    url = f"{stack.base_url}/v3/workspaces/killed"
    for number in range(3):
        message = {"peer_id": "ada", "content": f"message {number}"}
        assert httpx.post(f"{url}/sessions/s/messages", json={"messages": [message]}).status_code == 201
        assert kill_all(stack.dsn) >= 1
        assert httpx.post(f"{url}/sessions/s/messages/list", json={}).json()["total"] == number + 1
        assert kill_all(stack.dsn) >= 1
        assert httpx.post(f"{url}/peers/ada/chat", json={"query": "Who?"}, timeout=30).status_code == 200
        kill_all(stack.dsn)
    assert httpx.get(f"{stack.base_url}/health/ready").status_code == 200


def test_writers_whose_connections_are_killed_in_the_middle_lose_and_double_nothing(stack: Stack):
    answered: list[int] = []
    refused: list[int] = []
    done = threading.Event()

    def write(writer: int) -> None:
        with httpx.Client(timeout=30) as http:
            for number in range(EACH):
                message = {"peer_id": f"p{writer}", "content": f"{writer} {number}"}
                url = f"{stack.base_url}/v3/workspaces/storm/sessions/s{number % 3}/messages"
                status = http.post(url, json={"messages": [message]}).status_code
                if status == 503:
                    # As the SDKs do; had the refused write happened, it would be there twice now.
                    refused.append(number)
                    status = http.post(url, json={"messages": [message]}).status_code
                answered.append(status)

    def kill() -> int:
        ended = 0
        for kills in range(1, KILLS + 1):
            while len(answered) < kills * BETWEEN and not done.is_set():
                time.sleep(0.002)
            ended += kill_all(stack.dsn)
        return ended

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        killing = pool.submit(kill)
        for writing in [pool.submit(write, writer) for writer in range(WRITERS)]:
            writing.result()
        done.set()
        assert killing.result() >= KILLS
    assert answered == [201] * (WRITERS * EACH), stack.log("ApiFunction")[-6000:]
    assert len(refused) <= MOST_REFUSED
    with psycopg.connect(stack.dsn) as conn:
        kept = conn.execute("SELECT content FROM messages WHERE workspace = 'storm'").fetchall()
    assert sorted(content for (content,) in kept) == sorted(f"{w} {n}" for w in range(WRITERS) for n in range(EACH))
