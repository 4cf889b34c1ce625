"""Dreams: asked for once, and worked on phase by phase."""

from datetime import datetime
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import RowMaker

from shared.domain.conclusion import Collection
from shared.domain.dream import Dream, DreamRequest, Phase, first_phase
from shared.domain.ids import new_id
from shared.domain.work import Claim, TaskKind, WakeUp, WorkUnit
from shared.store import dream_checkpoints, dream_schedule, peers, tasks
from shared.store.database import Connection
from shared.store.work import ClaimLost
from shared.telemetry.tracing import trace_id

_DREAM: LiteralString = (
    "workspace, observer, observed, number, id, kind, cause, session, is_rebuild, phase, input_tokens, output_tokens,"
    " begun_at, undone_at IS NOT NULL, restarts"
)


def dream_row(_: Cursor[Any]) -> RowMaker[Dream]:
    return lambda values: Dream(Collection(*values[:3]), *values[3:])


def unit_of(collection: Collection) -> WorkUnit:
    """The unit that all dreams of the collection share, so that there is one at a time."""
    return WorkUnit(collection.workspace, TaskKind.DREAM, "", collection.observed, collection.observer)


HOLD: LiteralString = """
INSERT INTO work_units AS u (workspace, unit, kind, session, observed, wake_no)
SELECT %(workspace)s, %(unit)s, 'dream', '', %(observed)s, number FROM wake_floor
    ON CONFLICT (workspace, unit) DO UPDATE SET kind = u.kind
"""


def hold(conn: Connection, collection: Collection) -> list[str]:
    """Hold the unit of the collection, making it where it is missing, and its peers. Before the collection itself.

    Gives those of the peers that are being erased.
    """
    unit = unit_of(collection)
    conn.execute(HOLD, {"workspace": unit.workspace, "unit": unit.key, "observed": unit.observed})
    return peers.hold(conn, unit.workspace, {unit.observer, unit.observed})


MERGE: LiteralString = """
UPDATE dreams AS d
   SET is_rebuild = d.is_rebuild OR (%(is_rebuild)s AND d.begun_at IS NULL)
  FROM work_items AS i
 WHERE d.workspace = %(workspace)s AND d.observer = %(observer)s AND d.observed = %(observed)s AND d.kind = %(kind)s
   AND i.workspace = %(workspace)s AND i.unit = %(unit)s AND i.seq = d.number AND i.state = 'pending'
RETURNING d.id
"""

ADD: LiteralString = """
INSERT INTO dreams (workspace, observer, observed, number, id, kind, cause, session, is_rebuild, phase, requested_at,
       trace_id)
SELECT %(workspace)s, %(observer)s, %(observed)s, max(i.seq), %(id)s, %(kind)s, %(cause)s, %(session)s,
       %(is_rebuild)s, %(phase)s, %(now)s, %(trace_id)s
  FROM work_items AS i
 WHERE i.workspace = %(workspace)s AND i.unit = %(unit)s
"""


def request(conn: Connection, wanted: DreamRequest, *, now: datetime) -> list[WakeUp]:
    """Owe the dream; gives the wake-ups to send. One of its kind that is pending or under way is the same one."""
    unit, collection = unit_of(wanted.collection), wanted.collection
    hold(conn, collection)
    dream_schedule.ensure(conn, collection)
    values = {
        "workspace": collection.workspace,
        "observer": collection.observer,
        "observed": collection.observed,
        "unit": unit.key,
        "kind": wanted.kind,
        "is_rebuild": wanted.is_rebuild,
    }
    if conn.execute(MERGE, values).fetchone() is not None:
        return []
    wake_ups = tasks.plan(conn, collection.workspace, [unit], now=now, observers=[collection.observer])
    about = {"id": new_id(), "cause": wanted.cause, "session": wanted.session, "phase": first_phase(wanted.kind)}
    conn.execute(ADD, {**values, **about, "now": now, "trace_id": trace_id()})
    return wake_ups


GET: LiteralString = f"""
SELECT {_DREAM} FROM dreams
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s AND number = %(number)s
"""


def get(conn: Connection, unit: WorkUnit, number: int) -> Dream | None:
    """The dream that item `number` of the unit stands for."""
    with conn.cursor(row_factory=dream_row) as cursor:
        return cursor.execute(GET, _place(unit, number)).fetchone()


BEGIN: LiteralString = """
UPDATE dreams SET begun_at = %(now)s, concluded = %(concluded)s, is_whole = true
 WHERE workspace = %(workspace)s AND id = %(id)s
"""


def begin(conn: Connection, dream: Dream, *, now: datetime) -> None:
    """Note that the dream begins. A refreshed card is no dream of the collection, and does not count as one."""
    concluded = dream_schedule.begin(conn, dream.collection, now=now) if dream.kind == "omni" else None
    conn.execute(BEGIN, {**_key(dream), "now": now, "concluded": concluded})


# What comes to an end only because its worker dies is set aside after a few attempts; what gets on is not.
EXTEND: LiteralString = """
UPDATE work_units
   SET lease_until = %(until)s, due_at = %(until)s, failures = CASE WHEN %(is_on)s THEN 1 ELSE failures END
  FROM (SELECT set_config('synchronous_commit', 'off', true) AS is_off) AS hurry
 WHERE workspace = %(workspace)s AND unit = %(unit)s AND token = %(token)s AND hurry.is_off = 'off'
RETURNING 1
"""


def extend(conn: Connection, claimed: Claim, *, until: datetime, is_on: bool = False) -> None:
    """Keep the claim of a dream until then. Raises `ClaimLost` when it is another's already.

    `is_on`: something has been achieved since it was claimed. In a transaction it holds the unit to the end, and
    lets that not wait for the disk.
    """
    unit = claimed.unit
    values = {"workspace": unit.workspace, "unit": unit.key, "token": claimed.token, "until": until, "is_on": is_on}
    if conn.execute(EXTEND, values).fetchone() is None:
        raise ClaimLost(str(unit))


ADVANCE: LiteralString = f"""
UPDATE dreams SET phase = %(next)s
 WHERE workspace = %(workspace)s AND id = %(id)s AND phase = %(phase)s
RETURNING {_DREAM}
"""


def advance(conn: Connection, dream: Dream, following: Phase) -> Dream:
    """Note that the dream's phase is done, in the transaction of its effects. Raises `ClaimLost` when it was."""
    values = {**_key(dream), "phase": dream.phase, "next": following}
    with conn.cursor(row_factory=dream_row) as cursor:
        advanced = cursor.execute(ADVANCE, values).fetchone()
    if advanced is None:
        raise ClaimLost(f"phase {dream.phase} of dream {dream.id} was done by somebody else")
    dream_checkpoints.clear(conn, dream.collection.workspace, dream.id)
    return advanced


END: LiteralString = """
UPDATE dreams SET phase = 'done', finished_at = %(now)s
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s AND number = %(number)s
RETURNING id, concluded
"""


def end(conn: Connection, unit: WorkUnit, number: int, *, now: datetime) -> int | None:
    """Note that the dream has ended; gives how much was concluded when it began, None if it does not count."""
    row = conn.execute(END, {**_place(unit, number), "now": now}).fetchone()
    if row is None:
        return None
    dream_checkpoints.clear(conn, unit.workspace, row[0])
    return row[1]


NEWEST_SESSION: LiteralString = """
SELECT session FROM conclusions
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s
   AND deleted_at IS NULL AND level = 'explicit'
 ORDER BY created_at DESC, id
 LIMIT 1
"""


def newest_session(conn: Connection, collection: Collection) -> str | None:
    """The session of the newest explicit conclusion."""
    keys = {"workspace": collection.workspace, "observer": collection.observer, "observed": collection.observed}
    row = conn.execute(NEWEST_SESSION, keys).fetchone()
    return row[0] if row else None


def _place(unit: WorkUnit, number: int) -> dict[str, object]:
    return {"workspace": unit.workspace, "observer": unit.observer, "observed": unit.observed, "number": number}


def _key(dream: Dream) -> dict[str, object]:
    return {"workspace": dream.collection.workspace, "id": dream.id}
