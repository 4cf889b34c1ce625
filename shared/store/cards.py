"""Peer cards: one per collection."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from shared.domain.card import Card
from shared.domain.conclusion import Collection
from shared.store.database import Connection

GET: LiteralString = """
SELECT entries FROM peer_cards
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s
"""


def get(conn: Connection, collection: Collection) -> tuple[str, ...] | None:
    """The card's lines in order; None when none was ever written."""
    row = conn.execute(GET, _key(collection)).fetchone()
    return tuple(row[0]) if row else None


READ: LiteralString = """
SELECT entries, version FROM peer_cards
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s
"""


def read(conn: Connection, collection: Collection) -> Card:
    """The card with its version; an empty one where none was ever written."""
    row = conn.execute(READ, _key(collection)).fetchone()
    return Card(tuple(row[0]), row[1]) if row else Card()


# A card that is taken away and written anew is another one: who read the former must not take this for it.
_FIRST_VERSION: LiteralString = "1 + (random() * 1000000000)::int"

# Who comes second waits for the row, and then finds that its version has passed.
PUT_OVER: LiteralString = f"""
INSERT INTO peer_cards AS c (workspace, observer, observed, entries, version, updated_at)
SELECT %(workspace)s, %(observer)s, %(observed)s, %(entries)s, {_FIRST_VERSION}, %(now)s
 WHERE %(version)s = 0 OR EXISTS (SELECT FROM peer_cards AS p
                                   WHERE p.workspace = %(workspace)s AND p.observer = %(observer)s
                                     AND p.observed = %(observed)s)
    ON CONFLICT (workspace, observer, observed) DO UPDATE
   SET entries = EXCLUDED.entries, version = c.version + 1, updated_at = EXCLUDED.updated_at
 WHERE c.version = %(version)s
RETURNING 1
"""


def put_over(conn: Connection, collection: Collection, lines: Sequence[str], *, version: int, now: datetime) -> bool:
    """Replace the card that was read at `version`; False, and nothing changes, when it is another one by now."""
    values = {**_key(collection), "entries": list(lines), "version": version, "now": now}
    return conn.execute(PUT_OVER, values).fetchone() is not None


PUT: LiteralString = f"""
INSERT INTO peer_cards AS c (workspace, observer, observed, entries, version, updated_at)
VALUES (%(workspace)s, %(observer)s, %(observed)s, %(entries)s, {_FIRST_VERSION}, %(now)s)
    ON CONFLICT (workspace, observer, observed) DO UPDATE
   SET entries = EXCLUDED.entries, version = c.version + 1, updated_at = EXCLUDED.updated_at
"""


def put(conn: Connection, collection: Collection, entries: Sequence[str], now: datetime) -> None:
    """Replace the whole card."""
    conn.execute(PUT, {**_key(collection), "entries": list(entries), "now": now})


# Sorted, so that two such calls cannot deadlock.
DROP_OF: LiteralString = """
WITH held AS (
    SELECT p.observer, p.observed
      FROM peer_cards AS p
     WHERE p.workspace = %(workspace)s
       AND EXISTS (SELECT FROM conclusions AS c
                    WHERE c.workspace = %(workspace)s AND c.id = ANY(%(ids)s)
                      AND c.observer = p.observer AND c.observed = p.observed)
     ORDER BY p.observer, p.observed
       FOR UPDATE)
DELETE FROM peer_cards AS p USING held
 WHERE p.workspace = %(workspace)s AND p.observer = held.observer AND p.observed = held.observed
"""


def drop_of(conn: Connection, workspace: str, conclusions: Sequence[str]) -> None:
    """Take away the cards of the collections that hold any of these conclusions."""
    conn.execute(DROP_OF, {"workspace": workspace, "ids": list(conclusions)})


def _key(collection: Collection) -> dict[str, object]:
    return {"workspace": collection.workspace, "observer": collection.observer, "observed": collection.observed}
