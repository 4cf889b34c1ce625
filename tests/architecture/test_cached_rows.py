"""Whoever changes a row that is cached says so: the statements that do are few, and each stands here with its verb."""

import inspect
import re
from typing import Final

from shared.memory import erase, forget, peers, sessions, workspaces
from tests.architecture.test_sql_isolation import STATEMENTS

_CHANGES: Final = re.compile(r"\b(?:UPDATE|DELETE FROM)\s+(?:workspaces|peers|sessions)\b")

# Each statement, and the verb that tells the cache; None for what the cached rows do not show or no longer hold.
TOLD_BY: Final = {
    "workspaces.CHANGE": workspaces.update,
    "peers.CHANGE": peers.get_or_create,
    "sessions.CHANGE": sessions.get_or_create,
    "sessions.DEACTIVATE": forget.delete_session,
    "erasing.LEAVE": erase.erase_peer,
    "workspace_purge.DEACTIVATE": forget._forget,  # pyright: ignore[reportPrivateUsage]
    # The counter of a session's messages is in no cached row.
    "messages.INSERT": None,
}


def test_every_statement_that_changes_a_cached_row_is_told_to_the_cache() -> None:
    assert {name for name, text in STATEMENTS if _CHANGES.search(text)} == set(TOLD_BY)
    for verb in TOLD_BY.values():
        assert verb is None or re.search(r"cache\.(?:changing|leaving)\(", inspect.getsource(verb))
