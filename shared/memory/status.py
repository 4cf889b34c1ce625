"""What clients wait for: the counts of reasoning work."""

from shared.backends import Backends
from shared.domain.status import QueueStatus
from shared.domain.work import TaskKind
from shared.store import status

# Indexing is housekeeping: clients that wait for the memory to settle do not wait for it. An erasure counts until it
# is done, which is the only receipt there is; its unit goes with it, so it never counts as completed.
_COUNTED = (TaskKind.DERIVE.value, TaskKind.SUMMARY.value, TaskKind.DREAM.value, TaskKind.ERASE.value)
# Even with the longest names what Lambda hands over at once. Whoever has more asks for one, or looks at the sums.
MOST_SESSIONS = 3000


def queue_status(
    backends: Backends,
    workspace: str,
    *,
    observer: str | None = None,
    sender: str | None = None,
    session: str | None = None,
) -> QueueStatus:
    """Work items by state, in all and per session; dreams belong to none and are in the total only.

    Of more sessions than one answer can hold those are named first that are not done. `observer` and `sender` are
    joined by "or".
    """
    now = backends.clock.now()
    with backends.db.reading() as conn:
        if observer is None and sender is None:
            return status.counts(conn, workspace, _COUNTED, session=session, now=now, most_sessions=MOST_SESSIONS)
        return status.counts_of_peers(
            conn,
            workspace,
            _COUNTED,
            observer=observer,
            sender=sender,
            session=session,
            now=now,
            most_sessions=MOST_SESSIONS,
        )
