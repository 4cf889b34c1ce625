"""Uses of the store around what is taken away, whose plans are looked at."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from shared.domain.work import TaskKind, WorkUnit
from shared.store import erasing, erasure, forgetting, purge, workspace_purge
from shared.store.database import Connection
from shared.store.outbox import Gate
from shared.store.work import ClaimTerms, claim
from tests.support.backends import THEN

_TERMS: Final = ClaimTerms(Gate(1024, None), 1024, timedelta(seconds=90))


def _session_forgotten(conn: Connection) -> None:
    unit = forgetting.unit("w1", "s7")
    assert forgetting.plan(conn, unit, now=THEN)
    forgetting.under_way_until(conn, unit, now=THEN)
    purge.summaries(conn, "w1", "s7")
    purge.work(conn, "w1", "s7", most=2000)
    ids = purge.conclusions_of(conn, "w1", "s7", most=200)
    assert ids
    purge.resting_on(conn, "w1", ids)
    # Fewer than are taken away in one go: to look up two hundred, tables of this size are read whole.
    purge.conclusions(conn, "w1", ids[:20])
    said = purge.oldest_messages(conn, "w1", "s7", most=500)
    assert said
    purge.messages(conn, "w1", said)
    purge.answers(conn, "w1", "s7", most=2000)
    claimed = claim(conn, unit, _TERMS, now=THEN)
    assert claimed is not None
    forgetting.hand_on(conn, claimed, now=THEN)


def _erasure_ended(conn: Connection) -> None:
    unit = erasing.unit("w1", "s1")
    assert erasing.plan_message(conn, "w1", "s1", "m1", THEN)
    claimed = claim(conn, unit, _TERMS, now=THEN)
    assert claimed is not None
    erasing.close(conn, claimed, THEN)
    erasing.wake(conn, erasing.unit("w1", peer="p9"), THEN)
    erasure.membership(conn, WorkUnit("w1", TaskKind.DERIVE, "s9", "p1"))


def _workspace_forgotten(conn: Connection) -> None:
    unit = forgetting.unit("w300")
    assert forgetting.plan(conn, unit, now=THEN)
    forgetting.under_way_until(conn, unit, now=THEN)
    workspace_purge.deactivate_sessions(conn, "w300")
    for table in workspace_purge.tables(conn):
        workspace_purge.some_rows(conn, "w300", unit.key, table, most=2000)
    assert workspace_purge.workspace(conn, "w300", unit.key)


REMOVAL_USES: Final[dict[str, Callable[[Connection], object]]] = {
    "session_forgotten": _session_forgotten,
    "erasure_ended": _erasure_ended,
    "workspace_forgotten": _workspace_forgotten,
}
