"""Conclusions: saved once, reinforced after that, read newest or most derived first."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import RowMaker
from psycopg.types.json import Jsonb

from shared.domain.conclusion import Collection, Conclusion, Level
from shared.domain.page import Page, PageRequest
from shared.domain.quotes import MAX_QUOTES, Quote, QuoteState
from shared.domain.usage import ModelCall
from shared.store import calls, vector_removals
from shared.store.conditions import Condition
from shared.store.database import Connection
from shared.store.pages import Order, select_page
from shared.store.rows import CONCLUSION, conclusion_row
from shared.telemetry.tracing import trace_id

# How many source messages one conclusion remembers; the earliest are kept.
_MOST_SOURCES: LiteralString = "100"


@dataclass(frozen=True, slots=True)
class NewConclusion:
    """A conclusion about to be written. `replaces` is the one whose place it takes, if any."""

    id: str
    observer: str
    observed: str
    session: str | None
    level: Level
    content: str
    content_hash: str
    is_derived: bool
    message_ids: tuple[str, ...]
    source_ids: tuple[str, ...]
    premises: tuple[str, ...]
    occurred_at: datetime
    times_derived: int = 1
    event_at: datetime | None = None
    quotes: tuple[Quote, ...] = ()
    quote_state: QuoteState = "none"
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """A known conclusion was derived again, from these messages: `times` of them say it, the newest at `at`."""

    id: str
    message_ids: tuple[str, ...]
    times: int
    at: datetime


# One statement for all observers: an equal live conclusion of a worker is reinforced instead. It remembers the new
# messages and counts those it did not know, so that no message counts twice; what names none counts once a commit.
# Concluded again from the same sources it is none the stronger. States of quotes sort by strength.
SAVE: LiteralString = f"""
INSERT INTO conclusions AS c
       (workspace, id, observer, observed, session, level, content, content_hash, is_derived, message_ids,
        source_ids, premises, occurred_at, times_derived, created_at, event_at, quotes, quote_state, trace_id)
SELECT %(workspace)s, n.id, n.observer, n.observed, n.session, n.level, n.content, n.content_hash, n.is_derived,
       string_to_array(n.message_ids, ','), string_to_array(n.source_ids, ','), n.premises::text[],
       n.occurred_at, n.times_derived, %(now)s, n.event_at, n.quotes, n.quote_state, %(trace_id)s
  FROM unnest(%(ids)s::text[], %(observers)s::text[], %(observed)s::text[], %(sessions)s::text[],
              %(levels)s::text[], %(contents)s::text[], %(hashes)s::text[], %(is_derived)s::bool[],
              %(message_ids)s::text[], %(source_ids)s::text[], %(premises)s::text[],
              %(occurred_at)s::timestamptz[], %(times_derived)s::int[], %(event_at)s::timestamptz[],
              %(quotes)s::jsonb[], %(quote_states)s::text[])
       AS n (id, observer, observed, session, level, content, content_hash, is_derived, message_ids, source_ids,
             premises, occurred_at, times_derived, event_at, quotes, quote_state)
 ORDER BY n.observer, n.observed, n.content_hash
    ON CONFLICT (workspace, observer, observed, level, (coalesce(session, '')), content_hash)
       WHERE is_derived AND deleted_at IS NULL
    DO UPDATE
   SET (times_derived, message_ids, occurred_at, event_at, quotes, quote_state, source_ids, premises) = (
       SELECT CASE WHEN EXCLUDED.source_ids <> '{{}}' AND EXCLUDED.source_ids <@ c.source_ids THEN c.times_derived
                   ELSE greatest(EXCLUDED.times_derived, c.times_derived +
                       CASE WHEN EXCLUDED.message_ids = '{{}}' THEN 1
                            ELSE least(EXCLUDED.times_derived, cardinality(f.ids)) END) END,
              (c.message_ids || f.ids)[:{_MOST_SOURCES}],
              greatest(c.occurred_at, EXCLUDED.occurred_at),
              least(c.event_at, EXCLUDED.event_at),
              CASE WHEN c.quotes @> EXCLUDED.quotes OR jsonb_array_length(c.quotes) >= %(most_quotes)s THEN c.quotes
                   ELSE c.quotes || EXCLUDED.quotes END,
              greatest(c.quote_state, EXCLUDED.quote_state),
              (c.source_ids || ARRAY(SELECT s FROM unnest(EXCLUDED.source_ids) AS s
                                      WHERE s <> ALL (c.source_ids)))[:{_MOST_SOURCES}],
              (c.premises || ARRAY(
                  SELECT n.text FROM unnest(EXCLUDED.source_ids, EXCLUDED.premises) AS n (id, text)
                   WHERE n.id <> ALL (c.source_ids) AND n.text IS NOT NULL))[:{_MOST_SOURCES}]
         FROM (SELECT ARRAY(SELECT m FROM unnest(EXCLUDED.message_ids) AS m
                             WHERE m <> ALL (c.message_ids)) AS ids) AS f)
RETURNING {CONCLUSION}
"""


def save(conn: Connection, workspace: str, new: Sequence[NewConclusion], now: datetime) -> list[Conclusion]:
    """Write `new`; gives the stored rows, in no particular order. One that was there keeps its id."""
    if not new:
        return []
    with conn.cursor(row_factory=conclusion_row) as cursor:
        cursor.execute(
            SAVE,
            {
                "workspace": workspace,
                "now": now,
                "ids": [c.id for c in new],
                "observers": [c.observer for c in new],
                "observed": [c.observed for c in new],
                "sessions": [c.session for c in new],
                "levels": [c.level for c in new],
                "contents": [c.content for c in new],
                "hashes": [c.content_hash for c in new],
                "is_derived": [c.is_derived for c in new],
                # Arrays of arrays must be rectangular in SQL; ids hold no comma.
                "message_ids": [",".join(c.message_ids) for c in new],
                "source_ids": [",".join(c.source_ids) for c in new],
                "premises": [_array(c.premises) for c in new],
                "occurred_at": [c.occurred_at for c in new],
                "times_derived": [c.times_derived for c in new],
                "event_at": [c.event_at for c in new],
                "quotes": [Jsonb([asdict(quote) for quote in c.quotes]) for c in new],
                "quote_states": [c.quote_state for c in new],
                "most_quotes": MAX_QUOTES,
                "trace_id": trace_id(),
            },
        )
        return cursor.fetchall()


# The quotes are those of the wording that stays.
REINFORCE: LiteralString = f"""
UPDATE conclusions AS c
   SET (times_derived, message_ids, occurred_at) = (
       SELECT c.times_derived + CASE WHEN n.message_ids = '' THEN n.times ELSE least(n.times, cardinality(f.ids)) END,
              (c.message_ids || f.ids)[:{_MOST_SOURCES}],
              greatest(c.occurred_at, n.at)
         FROM (SELECT ARRAY(SELECT DISTINCT m FROM unnest(string_to_array(n.message_ids, ',')) AS m
                             WHERE m <> ALL (c.message_ids)) AS ids) AS f)
  FROM (SELECT id, sum(times)::int AS times, max(at) AS at, string_agg(message_ids, ',') AS message_ids
          FROM unnest(%(ids)s::text[], %(message_ids)s::text[], %(times)s::int[], %(at)s::timestamptz[])
               AS n (id, message_ids, times, at)
         GROUP BY id
         ORDER BY id) AS n
 WHERE c.workspace = %(workspace)s AND c.id = n.id AND c.deleted_at IS NULL
RETURNING c.id
"""


def reinforce(conn: Connection, workspace: str, mentions: Sequence[Mention]) -> set[str]:
    """Let each conclusion that is mentioned remember the messages, and count those it did not know.

    Gives the ids of those that are still there.
    """
    if not mentions:
        return set()
    values = {
        "workspace": workspace,
        "ids": [one.id for one in mentions],
        "message_ids": [",".join(one.message_ids) for one in mentions],
        "times": [one.times for one in mentions],
        "at": [one.at for one in mentions],
    }
    return {str(row[0]) for row in conn.execute(REINFORCE, values)}


GET: LiteralString = f"""
SELECT {CONCLUSION} FROM conclusions
 WHERE workspace = %(workspace)s AND id = %(id)s AND deleted_at IS NULL
"""


def get(conn: Connection, workspace: str, conclusion_id: str) -> Conclusion | None:
    with conn.cursor(row_factory=conclusion_row) as cursor:
        return cursor.execute(GET, {"workspace": workspace, "id": conclusion_id}).fetchone()


BY_IDS: LiteralString = f"""
SELECT {CONCLUSION} FROM conclusions
 WHERE workspace = %(workspace)s AND id = ANY(%(ids)s) AND deleted_at IS NULL
"""


def by_ids(
    conn: Connection, workspace: str, ids: Sequence[str], made: Sequence[ModelCall] = ()
) -> dict[str, Conclusion]:
    """The live conclusions among `ids`, by id; notes the calls of models that found them."""
    with conn.cursor(row_factory=conclusion_row) as cursor:
        found = cursor.execute(*calls.riding(BY_IDS, {"workspace": workspace, "ids": list(ids)}, made)).fetchall()
    return {conclusion.id: conclusion for conclusion in found}


DERIVED: LiteralString = f"{BY_IDS} AND is_derived"


def derived(conn: Connection, workspace: str, ids: Sequence[str]) -> dict[str, Conclusion]:
    """As `by_ids`, without what clients have stated."""
    with conn.cursor(row_factory=conclusion_row) as cursor:
        found = cursor.execute(DERIVED, {"workspace": workspace, "ids": list(ids)}).fetchall()
    return {conclusion.id: conclusion for conclusion in found}


_IN_COLLECTION: LiteralString = """
  FROM conclusions
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s AND deleted_at IS NULL
   AND (%(sessions)s::text[] IS NULL OR (level = 'explicit' AND session = ANY(%(sessions)s)))
"""
_BY_AGE: LiteralString = f"{CONCLUSION} {_IN_COLLECTION} ORDER BY created_at DESC, id LIMIT %(newest)s"
_BY_WEIGHT: LiteralString = (
    f"{CONCLUSION} {_IN_COLLECTION} ORDER BY times_derived DESC, created_at DESC, id LIMIT %(most_derived)s"
)
NEWEST: LiteralString = f"SELECT {_BY_AGE}"
MOST_DERIVED: LiteralString = f"SELECT {_BY_WEIGHT}"
# Each with its rank: parts of a union come in no order that one could rely on.
CHOSEN: LiteralString = f"""
(SELECT 0 AS rank, {CONCLUSION} {_IN_COLLECTION} AND id = ANY(%(ids)s))
 UNION ALL
(SELECT 1, {_BY_WEIGHT})
 UNION ALL
(SELECT 2, {_BY_AGE})
"""


def newest(
    conn: Connection, collection: Collection, *, most: int, sessions: Sequence[str] | None = None
) -> list[Conclusion]:
    """The newest conclusions of the collection. With `sessions` only explicit ones of these sessions:
    derived ones rest on several."""
    with conn.cursor(row_factory=conclusion_row) as cursor:
        return cursor.execute(NEWEST, {**_of(collection, sessions), "newest": max(most, 0)}).fetchall()


def most_derived(
    conn: Connection, collection: Collection, *, most: int, sessions: Sequence[str] | None = None
) -> list[Conclusion]:
    """The conclusions derived most often, newest of equals first; `sessions` as in `newest`."""
    with conn.cursor(row_factory=conclusion_row) as cursor:
        return cursor.execute(MOST_DERIVED, {**_of(collection, sessions), "most_derived": max(most, 0)}).fetchall()


RESTING_ON: LiteralString = f"""
SELECT {CONCLUSION} FROM conclusions
 WHERE workspace = %(workspace)s AND source_ids && %(ids)s::text[] AND deleted_at IS NULL
   AND (%(observer)s::text IS NULL OR (observer = %(observer)s AND observed = %(observed)s))
 ORDER BY created_at DESC, id
 LIMIT %(most)s
"""


def resting_on(
    conn: Connection, workspace: str, ids: Sequence[str], *, collection: Collection | None, most: int
) -> list[Conclusion]:
    """The conclusions that name one of `ids` as a source, newest first: those of the collection, None for any."""
    keys = {
        "workspace": workspace,
        "ids": list(ids),
        "observer": collection and collection.observer,
        "observed": collection and collection.observed,
        "most": most,
    }
    with conn.cursor(row_factory=conclusion_row) as cursor:
        return cursor.execute(RESTING_ON, keys).fetchall()


NEWEST_OF_ALL: LiteralString = f"""
SELECT {CONCLUSION} FROM conclusions
 WHERE workspace = %(workspace)s AND deleted_at IS NULL AND NOT starts_with(observer, 'scope.')
   AND (%(sessions)s::text[] IS NULL OR (level = 'explicit' AND session = ANY(%(sessions)s)))
 ORDER BY created_at DESC, id
 LIMIT %(most)s
"""


def newest_of_all(
    conn: Connection, workspace: str, *, most: int, sessions: Sequence[str] | None = None
) -> list[Conclusion]:
    """The newest conclusions about any peer, those of scopes left out; `sessions` as in `newest`."""
    keys = {"workspace": workspace, "sessions": None if sessions is None else list(sessions), "most": most}
    with conn.cursor(row_factory=conclusion_row) as cursor:
        return cursor.execute(NEWEST_OF_ALL, keys).fetchall()


def chosen(
    conn: Connection,
    collection: Collection,
    *,
    ids: Sequence[str] = (),
    most_derived: int = 0,
    newest: int = 0,
    sessions: Sequence[str] | None = None,
    made: Sequence[ModelCall] = (),
) -> list[Conclusion]:
    """Those of `ids`, then so many of the most derived, then so many of the newest, in one statement; each once.

    Notes the calls of models that were made for it.
    """
    given = {**_of(collection, sessions), "ids": list(ids), "most_derived": most_derived, "newest": newest}
    with conn.cursor(row_factory=_ranked_row) as cursor:
        found = cursor.execute(*calls.riding(CHOSEN, given, made))
        ranked = sorted(found, key=lambda one: (one[0], -one[1].created_at.timestamp()))
    kept: dict[str, Conclusion] = {}
    for _, conclusion in ranked:
        kept.setdefault(conclusion.id, conclusion)
    return list(kept.values())


def _of(collection: Collection, sessions: Sequence[str] | None) -> dict[str, object]:
    return {
        "workspace": collection.workspace,
        "observer": collection.observer,
        "observed": collection.observed,
        "sessions": None if sessions is None else list(sessions),
    }


def _ranked_row(cursor: Cursor[Any]) -> RowMaker[tuple[int, Conclusion]]:
    make = conclusion_row(cursor)
    return lambda values: (values[0], make(values[1:]))


HOLD: LiteralString = """
SELECT id FROM conclusions
 WHERE workspace = %(workspace)s AND id = ANY(%(ids)s) AND deleted_at IS NULL
 ORDER BY id
   FOR KEY SHARE
"""


def hold(conn: Connection, workspace: str, ids: Sequence[str]) -> set[str]:
    """The live ones among `ids`: their rows stay until the transaction ends."""
    return {str(row[0]) for row in conn.execute(HOLD, {"workspace": workspace, "ids": list(ids)})}


# One statement, since it travels with others; what is noted is sorted, as in every upsert.
HIDE: LiteralString = """
WITH hidden AS (
    UPDATE conclusions SET deleted_at = %(now)s
     WHERE workspace = %(workspace)s AND id = ANY(%(ids)s) AND deleted_at IS NULL
 RETURNING workspace, id),
noted AS (
    INSERT INTO vector_removals (workspace, conclusion, due_at)
    SELECT workspace, id, %(removal_due_at)s FROM hidden WHERE workspace = %(workspace)s ORDER BY id
        ON CONFLICT (workspace, conclusion) DO UPDATE SET due_at = EXCLUDED.due_at)
SELECT id FROM hidden
"""


def delete(conn: Connection, workspace: str, conclusion_id: str, now: datetime) -> bool:
    """Hide the conclusion, and have its vector taken out; False when there is none."""
    return conn.execute(HIDE, _hidden(workspace, [conclusion_id], now)).fetchone() is not None


def hide(conn: Connection, workspace: str, ids: Sequence[str], now: datetime) -> None:
    """As `delete`, for several at once."""
    if ids:
        conn.execute(HIDE, _hidden(workspace, ids, now))


def _hidden(workspace: str, ids: Sequence[str], now: datetime) -> dict[str, object]:
    return {"workspace": workspace, "ids": sorted(ids), "now": now, "removal_due_at": now + vector_removals.GRACE}


MARK_INDEXED: LiteralString = """
UPDATE conclusions SET indexed_at = %(now)s, index_attempts = 0, index_due_at = NULL
  FROM (SELECT set_config('synchronous_commit', 'off', true) AS is_off) AS hurry
 WHERE workspace = %(workspace)s AND id = ANY(%(ids)s) AND deleted_at IS NULL AND hurry.is_off = 'off'
RETURNING id
"""


def mark_indexed(conn: Connection, workspace: str, ids: Sequence[str], now: datetime) -> set[str]:
    """Note that their vectors are in the index; gives those of `ids` that are still there."""
    rows = conn.execute(MARK_INDEXED, {"workspace": workspace, "ids": list(ids), "now": now})
    return {str(row[0]) for row in rows}


def page(conn: Connection, where: Condition, request: PageRequest) -> Page[Conclusion]:
    """One page of the conclusions that meet `where` (over alias `c`), newest first."""
    columns: LiteralString = "c." + CONCLUSION.replace(", ", ", c.")
    order: Order = {"c.created_at": False, "c.id": False}
    return select_page(conn, columns, "conclusions AS c", where, order, request, conclusion_row)


def _array(items: Sequence[str]) -> str:
    """A one-dimensional array literal, so that arrays of different lengths can travel in one parameter."""
    quoted = ('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items)
    return "{" + ",".join(quoted) + "}"
