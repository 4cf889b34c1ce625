"""When each collection may dream: counted with every fact that is saved, put off by every message.

Whoever locks a collection's row holds its work unit already, or no unit at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from shared.domain.conclusion import Collection
from shared.store.database import Connection

# While messages come one after the other, a dream is not put off by each of them but once in a tenth of its pause.
_SLACK = 0.1
_FIRST_PAUSE = timedelta(hours=1)
_LONGEST_PAUSE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """After how many new explicit conclusions a collection dreams, after how long a silence, how often at most.

    `threshold` None: never by itself.
    """

    threshold: int | None
    idle: timedelta
    at_least_between: timedelta


NOTE_SAVED: LiteralString = """
INSERT INTO collections AS c (workspace, observer, observed, concluded, due_at)
SELECT %(workspace)s, n.observer, n.observed, n.fresh, CASE WHEN n.fresh >= %(threshold)s THEN %(idle_until)s END
  FROM unnest(%(observers)s::text[], %(observed)s::text[], %(fresh)s::int[]) AS n (observer, observed, fresh)
 ORDER BY n.observer, n.observed
    ON CONFLICT (workspace, observer, observed) DO UPDATE
   SET concluded = c.concluded + EXCLUDED.concluded,
       due_at = CASE WHEN c.concluded + EXCLUDED.concluded - c.dreamt >= %(threshold)s
                     THEN greatest(%(idle_until)s, c.not_before) ELSE c.due_at END
"""


def note_saved(conn: Connection, fresh: Mapping[Collection, int], rhythm: Rhythm, *, now: datetime) -> None:
    """Count new explicit conclusions, all of one workspace; with enough of them the collection becomes due."""
    if not fresh:
        return
    conn.execute(
        NOTE_SAVED,
        {
            "workspace": next(iter(fresh)).workspace,
            "observers": [collection.observer for collection in fresh],
            "observed": [collection.observed for collection in fresh],
            "fresh": list(fresh.values()),
            "threshold": rhythm.threshold,
            "idle_until": now + rhythm.idle,
        },
    )


# Who holds such a row moves its due time as well: nobody who writes messages needs to wait for that.
POSTPONE: LiteralString = """
UPDATE collections AS c
   SET due_at = %(due_at)s
  FROM (SELECT workspace, observer, observed
          FROM collections
         WHERE workspace = %(workspace)s AND observed = ANY(%(authors)s) AND due_at < %(idle_until)s
           FOR NO KEY UPDATE SKIP LOCKED) AS due
 WHERE c.workspace = due.workspace AND c.observer = due.observer AND c.observed = due.observed
"""


def postpone(conn: Connection, workspace: str, authors: Sequence[str], rhythm: Rhythm, *, now: datetime) -> None:
    """Put off the dreams about `authors`, who have just said something."""
    if rhythm.threshold is not None:
        values = {"workspace": workspace, "authors": list(authors)}
        times = {"idle_until": now + rhythm.idle, "due_at": now + rhythm.idle * (1 + _SLACK)}
        conn.execute(POSTPONE, {**values, **times})


DUE: LiteralString = """
SELECT workspace, observer, observed FROM collections
 WHERE due_at <= %(now)s
 ORDER BY due_at
 LIMIT %(most)s
"""


def due(conn: Connection, *, now: datetime, most: int) -> list[Collection]:
    """Collections of any workspace that may dream now, the longest due first."""
    return [Collection(*row) for row in conn.execute(DUE, {"now": now, "most": most})]


TAKE: LiteralString = """
UPDATE collections SET due_at = NULL
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s AND due_at <= %(now)s
RETURNING 1
"""


def take(conn: Connection, collection: Collection, *, now: datetime) -> bool:
    """Whether the collection is still due; it is no more."""
    return conn.execute(TAKE, {**_key(collection), "now": now}).fetchone() is not None


ENSURE: LiteralString = """
INSERT INTO collections (workspace, observer, observed) VALUES (%(workspace)s, %(observer)s, %(observed)s)
    ON CONFLICT (workspace, observer, observed) DO NOTHING
"""


def ensure(conn: Connection, collection: Collection) -> None:
    """Make the collection's row where it is missing."""
    conn.execute(ENSURE, _key(collection))


BEGIN: LiteralString = """
UPDATE collections
   SET failures = failures + 1,
       not_before = %(now)s + least(%(first_pause)s * power(2, least(failures, 20)), %(longest_pause)s)
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s
RETURNING concluded
"""


def begin(conn: Connection, collection: Collection, *, now: datetime) -> int:
    """Note that a dream begins, as failed until it succeeds; gives how much was concluded so far.

    Should it fail, the next one waits, longer each time. What is counted stays counted.
    """
    values = {"now": now, "first_pause": _FIRST_PAUSE, "longest_pause": _LONGEST_PAUSE}
    row = conn.execute(BEGIN, {**_key(collection), **values}).fetchone()
    return row[0] if row else 0


SUCCEED: LiteralString = """
UPDATE collections
   SET failures = 0, last_dream_at = %(now)s, dreamt = greatest(dreamt, %(dreamt)s), not_before = %(not_before)s,
       due_at = CASE WHEN concluded - greatest(dreamt, %(dreamt)s) >= %(threshold)s
                     THEN greatest(%(not_before)s, %(idle_until)s) END
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s
"""


def succeed(conn: Connection, collection: Collection, rhythm: Rhythm, *, dreamt: int, now: datetime) -> None:
    """Count from `dreamt` on, or where a later dream has counted from since.

    What was concluded while the dream went on may make the collection due again.
    """
    conn.execute(
        SUCCEED,
        {
            **_key(collection),
            "now": now,
            "dreamt": dreamt,
            "threshold": rhythm.threshold,
            "not_before": now + rhythm.at_least_between,
            "idle_until": now + rhythm.idle,
        },
    )


def counted(collections: Iterable[Collection]) -> dict[Collection, int]:
    """How often each occurs."""
    counts: dict[Collection, int] = {}
    for collection in collections:
        counts[collection] = counts.get(collection, 0) + 1
    return counts


def _key(collection: Collection) -> dict[str, object]:
    return {"workspace": collection.workspace, "observer": collection.observer, "observed": collection.observed}
