"""Batches of messages that came without a key and are committed, but whose answer has not gone out yet.

The row is written with the messages, when something is left to do after their commit, and deleted with the mark that
this is done, just before the answer is handed over. One that stays behind belongs to a run that ended in between.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import LiteralString

from shared.domain.retry import LONGEST_RUN, RECOGNISED_FOR, Batch, Unanswered
from shared.domain.work import WorkUnit
from shared.store.database import Connection

# Part of the statement that reads the scene of a batch. What a crash of the database undid may include the mark of an
# answer that did go out, so rows from before its start prove nothing.
SELECTED: LiteralString = """
(SELECT jsonb_agg(jsonb_build_array(b.run, b.message_ids, b.lease_until) ORDER BY b.lease_until)
   FROM unanswered_batches AS b
  WHERE b.workspace = %(workspace)s AND b.session = %(session)s AND b.fingerprint = %(fingerprint)s
    AND b.expires_at > %(now)s AND b.created_at > pg_postmaster_start_time())
"""


def read(selected: Sequence[tuple[str, list[str], str]] | None) -> tuple[Unanswered, ...]:
    """What `SELECTED` gave: the run that ended first comes first."""
    return tuple(Unanswered(run, tuple(ids), datetime.fromisoformat(until)) for run, ids, until in selected or ())


BEGIN: LiteralString = """
INSERT INTO unanswered_batches (workspace, session, fingerprint, run, message_ids, lease_until, expires_at)
SELECT %(workspace)s, %(session)s, %(fingerprint)s, %(run)s, %(ids)s, %(lease_until)s, %(expires_at)s
 WHERE EXISTS (SELECT FROM work_units
                WHERE workspace = %(workspace)s AND unit = ANY(%(units)s) AND is_woken AND sent_at IS NULL)
"""


def begin(
    conn: Connection, batch: Batch, ids: Sequence[str], units: Sequence[WorkUnit], *, now: datetime
) -> Callable[[], bool]:
    """Note that the answer is owed, if a wake-up of any of `units` is: then there is something between it and us.

    What is given says whether it was noted; call it last, until then the statement travels with the others.
    """
    cursor = conn.execute(BEGIN, {**_values(batch, ids, now + LONGEST_RUN), "units": [unit.key for unit in units]})
    return lambda: cursor.rowcount == 1


KEEP: LiteralString = """
INSERT INTO unanswered_batches (workspace, session, fingerprint, run, message_ids, lease_until, expires_at)
SELECT %(workspace)s, %(session)s, %(fingerprint)s, %(run)s, %(ids)s, %(lease_until)s, %(expires_at)s
  FROM sessions
 WHERE workspace = %(workspace)s AND name = %(session)s
    ON CONFLICT (workspace, session, fingerprint, run) DO UPDATE
   SET lease_until = EXCLUDED.lease_until, expires_at = EXCLUDED.expires_at
"""


def keep(conn: Connection, batch: Batch, ids: Sequence[str], *, now: datetime) -> None:
    """Note that the answer came too late for whoever waited: the batch may come again from now on."""
    conn.execute(KEEP, _values(batch, ids, now))


TAKE: LiteralString = """
UPDATE unanswered_batches
   SET lease_until = %(lease_until)s
 WHERE workspace = %(workspace)s AND session = %(session)s AND fingerprint = %(fingerprint)s AND run = %(run)s
   AND lease_until <= %(now)s
"""


def take(conn: Connection, batch: Batch, earlier: Unanswered, *, now: datetime) -> bool:
    """Answer in place of an earlier run that has ended; False when another request does so."""
    values = {**names(batch), "run": earlier.run, "now": now, "lease_until": now + LONGEST_RUN}
    return conn.execute(TAKE, values).rowcount == 1


ANSWERED: LiteralString = """
DELETE FROM unanswered_batches
 WHERE workspace = %(workspace)s AND session = %(session)s AND fingerprint = %(fingerprint)s AND run = %(run)s
"""


def answered(conn: Connection, batch: Batch) -> None:
    """Note that the answer goes out now."""
    conn.execute(ANSWERED, names(batch))


# The row stays: the batch that comes again is told what is left of it, and writes nothing anew.
ERASE: LiteralString = """
UPDATE unanswered_batches
   SET message_ids = ARRAY(SELECT m.id FROM unnest(message_ids) WITH ORDINALITY AS m (id, place)
                            WHERE m.id <> ALL(%(ids)s) ORDER BY m.place)
 WHERE workspace = %(workspace)s AND session = %(session)s AND message_ids && %(ids)s::text[]
"""


def erase(conn: Connection, workspace: str, session: str, ids: Sequence[str]) -> None:
    """Name these messages no more."""
    conn.execute(ERASE, {"workspace": workspace, "session": session, "ids": list(ids)})


EXPIRED: LiteralString = "DELETE FROM unanswered_batches WHERE expires_at <= %(now)s"


def purge_expired(conn: Connection, *, now: datetime) -> int:
    """Delete what nobody can recognise any more; the table holds little else, so it is read whole."""
    return conn.execute(EXPIRED, {"now": now}).rowcount


def names(batch: Batch | None) -> dict[str, object]:
    """The key of the run's row; of none when there is no batch."""
    if batch is None:
        return {"workspace": None, "session": None, "fingerprint": None, "run": None}
    return {"workspace": batch.workspace, "session": batch.session, "fingerprint": batch.fingerprint, "run": batch.run}


def _values(batch: Batch, ids: Sequence[str], lease_until: datetime) -> dict[str, object]:
    return {**names(batch), "ids": list(ids), "lease_until": lease_until, "expires_at": lease_until + RECOGNISED_FOR}
