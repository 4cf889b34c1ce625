"""Forgetting requests that are too old to come again."""

from shared.backends import Backends
from shared.store import idempotency, unanswered

_MOST_AT_ONCE = 1000
_MOST_BATCHES = 20


def purge(backends: Backends) -> int:
    """Delete keys that expired, so many at a time, and batches that nobody recognises any more; gives how many."""
    now = backends.clock.now()
    count = backends.db.run(lambda conn: unanswered.purge_expired(conn, now=now))
    for _ in range(_MOST_BATCHES):
        gone = backends.db.run(lambda conn: idempotency.purge_expired(conn, now=now, most=_MOST_AT_ONCE))
        count += gone
        if gone < _MOST_AT_ONCE:
            break
    return count
