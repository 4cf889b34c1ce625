"""The chores function, in a process of its own as Lambda runs it."""

import json
import os
import subprocess
import sys

from infra.bootstrap import ROOT
from infra.migrations.apply import ensure_space
from shared.backends import ConfiguredModels
from shared.queue.envelope import pack
from shared.settings import Settings
from tests.support.searching import open_searching

INVOKE = """
import json, sys
from functions.chores.handler import lambda_handler
print(json.dumps(lambda_handler(json.loads(sys.argv[1]), None)))
"""


def _record(message_id: str, body: str) -> dict[str, object]:
    return {"messageId": message_id, "body": body, "attributes": {"MessageGroupId": message_id}}


def test_chores_makes_messages_findable_and_passes_over_what_it_cannot_read(owner_dsn: str, database_dsn: str):
    ensure_space(owner_dsn, ConfiguredModels(Settings()).embedder().space)
    here = open_searching(database_dsn, "w").by_words_only()
    here.says("I moved to Lisbon last spring")
    event = {"Records": [_record("1", "garbage"), _record("2", pack(here.wake_up()))]}
    done = subprocess.run(
        [sys.executable, "-c", INVOKE, json.dumps(event)],
        env={**os.environ, "DB_CONNECTION_URI": database_dsn, "OFFLINE_ENABLED": "true"},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {"batchItemFailures": []}
    with here.backends.db.reading() as conn:
        pending = conn.execute("SELECT pending_items, done_items FROM work_units WHERE kind = 'index'").fetchall()
    assert pending == [(0, 1)]
    assert here.finds("Lisbon") == ["I moved to Lisbon last spring"]
