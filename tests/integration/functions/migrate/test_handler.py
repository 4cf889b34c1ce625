"""The migrate function, in a process of its own as Lambda runs it."""

import json
import os
import subprocess
import sys

import psycopg

from infra.bootstrap import ROOT
from infra.local.postgres import EmbeddedPostgres, clone_database, drop_database
from infra.migrations import apply

INVOKE = """
import json
from types import SimpleNamespace
from functions.migrate.handler import lambda_handler
context = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)
for _ in range(2):
    answer = lambda_handler({}, context)
print(json.dumps(answer))
"""


def _invoked(dsn: str) -> dict[str, object]:
    settings = {"DB_CONNECTION_URI": dsn.replace("postgresql://", "postgresql+psycopg://"), "OFFLINE_ENABLED": "true"}
    done = subprocess.run(
        [sys.executable, "-c", INVOKE],
        env={**os.environ, **settings},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_migrate_of_an_empty_database_twice_makes_tables_and_a_place_for_vectors(postgres_server: EmbeddedPostgres):
    admin = postgres_server.dsn("postgres", "postgres")
    clone_database(admin, "honcho", "deployed")
    try:
        dsn = postgres_server.dsn("owner", "deployed")
        answer = _invoked(dsn)
        assert answer["revision"] == apply.newest()
        with psycopg.connect(postgres_server.dsn("app", "deployed")) as conn:
            spaces = conn.execute("SELECT model, dimensions FROM embedding_spaces").fetchall()
        assert spaces == [(answer["model"], answer["dimensions"])]
    finally:
        drop_database(admin, "deployed")
