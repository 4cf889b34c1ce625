"""Taking a dream back: what it changed, what has come of that since, and the rows as they were before.

All of this is called in one transaction that holds the unit of the dream: nobody dreams in the collection, forgets
something of it or undoes another dream meanwhile. Conclusions are held before what is known of their former state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Cursor, errors
from psycopg.rows import RowMaker

from shared.domain.conclusion import Collection
from shared.domain.dream import Change
from shared.domain.errors import Conflict
from shared.store import vector_removals
from shared.store.database import Connection

HOLD_UNIT: LiteralString = """
SELECT FROM work_units WHERE workspace = %(workspace)s AND unit = %(unit)s FOR UPDATE
"""


def hold_unit(conn: Connection, workspace: str, unit: str) -> None:
    """Hold the unit, where there is one: it is gone with its collection."""
    conn.execute(HOLD_UNIT, {"workspace": workspace, "unit": unit})


@dataclass(frozen=True, slots=True)
class Standing:
    """What may keep the dream from being undone. `is_owed`: it waits or goes on; `under_way` is another dream of its
    collection that goes on."""

    is_owed: bool
    is_whole: bool
    under_way: str | None
    erased_peer: str | None


STANDING: LiteralString = """
SELECT EXISTS (SELECT FROM work_items AS i
                WHERE i.workspace = %(workspace)s AND i.unit = %(unit)s AND i.seq = d.number AND i.state = 'pending'),
       d.is_whole OR NOT EXISTS (SELECT FROM dream_changes AS h
                                  WHERE h.workspace = %(workspace)s AND h.dream = %(dream)s),
       (SELECT o.id
          FROM dreams AS o
          JOIN work_items AS i ON i.workspace = o.workspace AND i.unit = %(unit)s AND i.seq = o.number
         WHERE o.workspace = %(workspace)s AND o.observer = d.observer AND o.observed = d.observed
           AND o.id <> d.id AND o.begun_at IS NOT NULL AND o.finished_at IS NULL AND i.state = 'pending'
         ORDER BY o.number
         LIMIT 1),
       (SELECT p.name
          FROM peers AS p
         WHERE p.workspace = %(workspace)s AND p.name IN (d.observer, d.observed) AND NOT p.is_active
         LIMIT 1)
  FROM dreams AS d
 WHERE d.workspace = %(workspace)s AND d.id = %(dream)s
"""


def standing(conn: Connection, workspace: str, dream: str, unit: str) -> Standing | None:
    row = conn.execute(STANDING, {"workspace": workspace, "dream": dream, "unit": unit}).fetchone()
    return Standing(*row) if row else None


@dataclass(frozen=True, slots=True)
class Noted:
    """A change as it was recorded: `place` and `changed_at` tell when. `has_former`: what was before is known."""

    place: int
    change: Change
    changed_at: datetime
    has_former: bool


NOTED: LiteralString = """
SELECT h.place, h.action, h.conclusion, h.successor, h.line, h.was_at, h.is_at, h.changed_at, f.place IS NOT NULL
  FROM dream_changes AS h
  LEFT JOIN dream_formers AS f ON f.workspace = h.workspace AND f.dream = h.dream AND f.place = h.place
 WHERE h.workspace = %(workspace)s AND h.dream = %(dream)s
 ORDER BY h.place
"""


def noted_row(_: Cursor[Any]) -> RowMaker[Noted]:
    def make(values: Any) -> Noted:
        place, action, conclusion, successor, line, was_at, is_at, changed_at, has_former = values
        change = Change(action, conclusion, successor, line, was_at=was_at, is_at=is_at)
        return Noted(place, change, changed_at, has_former)

    return make


def noted(conn: Connection, workspace: str, dream: str) -> list[Noted]:
    """What the dream did, as far as nothing of it was forgotten, in order."""
    with conn.cursor(row_factory=noted_row) as cursor:
        return cursor.execute(NOTED, {"workspace": workspace, "dream": dream}).fetchall()


@dataclass(frozen=True, slots=True)
class Row:
    """A conclusion that the dream has changed. `is_leaving`: with its session, which is being deleted."""

    id: str
    deleted_at: datetime | None
    source_ids: tuple[str, ...]
    is_leaving: bool


HOLD: LiteralString = """
SELECT c.id, c.deleted_at, c.source_ids,
       EXISTS (SELECT FROM sessions AS s
                WHERE s.workspace = %(workspace)s AND s.name = c.session AND NOT s.is_active)
  FROM conclusions AS c
 WHERE c.workspace = %(workspace)s AND c.id = ANY(%(ids)s)
 ORDER BY c.id
   FOR UPDATE OF c
"""


def hold(conn: Connection, workspace: str, ids: Sequence[str]) -> dict[str, Row]:
    """The conclusions among `ids`, hidden or not; nobody changes them before the transaction ends."""
    rows = conn.execute(HOLD, {"workspace": workspace, "ids": sorted(ids)}).fetchall()
    return {row[0]: Row(row[0], row[1], tuple(row[2]), row[3]) for row in rows}


LATER: LiteralString = """
SELECT h.conclusion, l.dream
  FROM dream_changes AS h
  JOIN dream_changes AS l ON l.workspace = h.workspace AND l.conclusion = h.conclusion AND l.dream <> h.dream
                         AND l.seq > h.seq
  JOIN dreams AS d ON d.workspace = l.workspace AND d.id = l.dream AND d.undone_at IS NULL
 WHERE h.workspace = %(workspace)s AND h.dream = %(dream)s
 ORDER BY l.seq DESC
 LIMIT 1
"""


def changed_later(conn: Connection, workspace: str, dream: str) -> tuple[str, str] | None:
    """A conclusion that the dream changed and another one changed after it, and that other dream, the last of them."""
    row = conn.execute(LATER, {"workspace": workspace, "dream": dream}).fetchone()
    return (row[0], row[1]) if row else None


GAVE_WAY: LiteralString = """
SELECT l.successor, l.dream
  FROM dream_changes AS l
  JOIN dreams AS d ON d.workspace = l.workspace AND d.id = l.dream AND d.undone_at IS NULL
 WHERE l.workspace = %(workspace)s AND l.successor = ANY(%(ids)s) AND l.dream <> %(dream)s
 ORDER BY l.seq DESC
 LIMIT 1
"""


def gave_way(conn: Connection, workspace: str, dream: str, ids: Sequence[str]) -> tuple[str, str] | None:
    """One of `ids` that something gave way to in another dream, and that dream."""
    row = conn.execute(GAVE_WAY, {"workspace": workspace, "dream": dream, "ids": list(ids)}).fetchone()
    return (row[0], row[1]) if row else None


LINE_ON: LiteralString = """
SELECT h.dream
  FROM dream_changes AS h
  JOIN dreams AS d ON d.workspace = h.workspace AND d.id = h.dream AND d.undone_at IS NULL
  JOIN peer_cards AS p ON p.workspace = d.workspace AND p.observer = d.observer AND p.observed = d.observed
 WHERE h.workspace = %(workspace)s AND h.source_ids && %(ids)s::text[] AND h.line = ANY(p.entries)
   AND h.dream <> %(dream)s
 ORDER BY h.seq DESC
 LIMIT 1
"""


def line_on(conn: Connection, workspace: str, dream: str, ids: Sequence[str]) -> str | None:
    """Another dream that has written a line, which the card still has, because of any of `ids`."""
    row = conn.execute(LINE_ON, {"workspace": workspace, "dream": dream, "ids": list(ids)}).fetchone()
    return row[0] if row else None


REVERT: LiteralString = """
UPDATE conclusions AS c
   SET times_derived = f.times_derived, occurred_at = f.occurred_at, source_ids = f.source_ids,
       message_ids = f.message_ids, premises = f.premises
  FROM dream_formers AS f
 WHERE f.workspace = %(workspace)s AND f.dream = %(dream)s AND f.place = ANY(%(places)s)
   AND c.workspace = %(workspace)s AND c.id = f.conclusion
"""


def revert(conn: Connection, workspace: str, dream: str, places: Sequence[int]) -> None:
    """Make conclusions that are held what they were before the dream's changes at `places`, one for each."""
    if places:
        conn.execute(REVERT, {"workspace": workspace, "dream": dream, "places": list(places)})


@dataclass(frozen=True, slots=True)
class Lacking:
    """A source of a conclusion that does not hold: it was overtaken before the dream, or is gone.

    `taken_by` is the later dream that took it away, if that was one.
    """

    conclusion: str
    source: str
    is_overtaken: bool
    taken_by: str | None


LACKING: LiteralString = """
SELECT c.id, s.id,
       EXISTS (SELECT FROM dream_changes AS h
                WHERE h.workspace = %(workspace)s AND h.conclusion = s.id AND h.action = 'superseded'
                  AND h.dream <> %(dream)s AND NOT h.is_undone),
       (SELECT h.dream
          FROM dream_changes AS h
          JOIN dreams AS d ON d.workspace = h.workspace AND d.id = h.dream AND d.undone_at IS NULL
         WHERE h.workspace = %(workspace)s AND h.conclusion = s.id AND h.action IN ('superseded', 'deleted')
           AND h.dream <> %(dream)s
           AND h.seq > (SELECT max(x.seq) FROM dream_changes AS x
                         WHERE x.workspace = %(workspace)s AND x.dream = %(dream)s AND x.conclusion = c.id)
         ORDER BY h.seq DESC
         LIMIT 1)
  FROM conclusions AS c, unnest(c.source_ids) AS s (id)
 WHERE c.workspace = %(workspace)s AND c.id = ANY(%(ids)s)
   AND NOT EXISTS (SELECT FROM conclusions AS p
                    WHERE p.workspace = %(workspace)s AND p.id = s.id AND p.deleted_at IS NULL)
"""


def lacking(conn: Connection, workspace: str, dream: str, ids: Sequence[str]) -> list[Lacking]:
    """The sources of these conclusions that do not hold now."""
    rows = conn.execute(LACKING, {"workspace": workspace, "dream": dream, "ids": sorted(ids)})
    return [Lacking(*row) for row in rows]


TWINS: LiteralString = """
SELECT c.id, o.id
  FROM conclusions AS c
  JOIN conclusions AS o
    ON o.workspace = c.workspace AND o.observer = c.observer AND o.observed = c.observed AND o.level = c.level
   AND coalesce(o.session, '') = coalesce(c.session, '') AND o.content_hash = c.content_hash
   AND o.is_derived AND o.deleted_at IS NULL
 WHERE c.workspace = %(workspace)s AND c.id = ANY(%(ids)s) AND c.is_derived
 ORDER BY c.id
 LIMIT 1
"""


def concluded_again(conn: Connection, workspace: str, ids: Sequence[str]) -> tuple[str, str] | None:
    """One of these hidden conclusions that cannot hold again beside an equal one, and that one."""
    row = conn.execute(TWINS, {"workspace": workspace, "ids": sorted(ids)}).fetchone()
    return (row[0], row[1]) if row else None


RESTORE: LiteralString = """
UPDATE conclusions
   SET deleted_at = NULL, indexed_at = NULL, index_attempts = 0, index_due_at = %(now)s
 WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)
"""


def restore(conn: Connection, workspace: str, ids: Sequence[str], now: datetime) -> None:
    """Let conclusions that are held hold again: owed to the index since `now`, and no more to be taken out of it.

    Raises `Conflict` when somebody concludes the same at this moment.
    """
    if not ids:
        return
    try:
        conn.execute(RESTORE, {"workspace": workspace, "ids": sorted(ids), "now": now})
    except errors.UniqueViolation as error:
        raise Conflict("something that the dream took away is being concluded again at this moment") from error
    vector_removals.forget(conn, workspace, ids)


CARD: LiteralString = """
SELECT entries FROM peer_cards
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s
   FOR UPDATE
"""
DROP_CARD: LiteralString = """
DELETE FROM peer_cards WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s
"""


def hold_card(conn: Connection, collection: Collection) -> list[str] | None:
    """The lines of the card, which nobody writes before the transaction ends; None when there is none."""
    row = conn.execute(CARD, _of(collection)).fetchone()
    return list(row[0]) if row else None


def drop_card(conn: Connection, collection: Collection) -> None:
    """Take away a card that is held."""
    conn.execute(DROP_CARD, _of(collection))


MARK: LiteralString = """
UPDATE dream_changes SET is_undone = true
 WHERE workspace = %(workspace)s AND dream = %(dream)s AND place = ANY(%(places)s)
"""
CLOSE: LiteralString = "UPDATE dreams SET undone_at = %(now)s WHERE workspace = %(workspace)s AND id = %(dream)s"


def close(conn: Connection, workspace: str, dream: str, places: Sequence[int], now: datetime) -> None:
    """Note that the dream is undone, and its changes at `places` with it."""
    conn.execute(MARK, {"workspace": workspace, "dream": dream, "places": list(places)})
    conn.execute(CLOSE, {"workspace": workspace, "dream": dream, "now": now})


def _of(collection: Collection) -> dict[str, object]:
    return {"workspace": collection.workspace, "observer": collection.observer, "observed": collection.observed}
