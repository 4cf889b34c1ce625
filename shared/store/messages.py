"""Messages: a batch written with its places in the session, and read back in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg.types.json import Jsonb

from shared.domain.json import JsonObject
from shared.domain.message import Message
from shared.domain.page import Page, PageRequest
from shared.store.conditions import Condition
from shared.store.database import Connection
from shared.store.pages import Order, select_page
from shared.store.rows import MESSAGE, message_row


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message about to be written: everything but its place. `is_reasoned`: the deriver may read it."""

    id: str
    peer: str
    content: str
    token_count: int
    metadata: JsonObject
    configuration: JsonObject | None
    is_reasoned: bool
    created_at: datetime
    internal: JsonObject | None = None


INSERT: LiteralString = """
WITH place AS (
    UPDATE sessions SET last_seq = last_seq + %(batch)s
     WHERE workspace = %(workspace)s AND name = %(session)s AND is_active
 RETURNING last_seq - %(batch)s AS base)
INSERT INTO messages
       (workspace, session, seq, id, peer, content, token_count, metadata, configuration, is_reasoned, created_at,
        internal)
SELECT %(workspace)s, %(session)s, place.base + d.ord, d.id, d.peer, d.content, d.token_count, d.metadata,
       d.configuration, d.is_reasoned, d.created_at, d.internal
  FROM place,
       unnest(%(ids)s::text[], %(peers)s::text[], %(contents)s::text[], %(token_counts)s::int[],
              %(metadata)s::jsonb[], %(configurations)s::jsonb[], %(is_reasoned)s::bool[],
              %(created_at)s::timestamptz[], %(internal)s::jsonb[])
       WITH ORDINALITY
       AS d (id, peer, content, token_count, metadata, configuration, is_reasoned, created_at, internal, ord)
RETURNING seq
"""


def insert(conn: Connection, workspace: str, session: str, new: Sequence[NewMessage]) -> "InsertedSeqs":
    """Append `new` to the session, in order. The session row stays locked until the transaction ends.

    Read the result last: until then the statement travels with those that follow it.
    """
    cursor = conn.execute(
        INSERT,
        {
            "workspace": workspace,
            "session": session,
            "batch": len(new),
            "ids": [message.id for message in new],
            "peers": [message.peer for message in new],
            "contents": [message.content for message in new],
            "token_counts": [message.token_count for message in new],
            "metadata": [Jsonb(message.metadata) for message in new],
            "configurations": [None if m.configuration is None else Jsonb(m.configuration) for m in new],
            "is_reasoned": [message.is_reasoned for message in new],
            "created_at": [message.created_at for message in new],
            "internal": [None if message.internal is None else Jsonb(message.internal) for message in new],
        },
    )
    return InsertedSeqs(lambda: sorted(int(row[0]) for row in cursor.fetchall()))


class InsertedSeqs:
    """The places the batch was given; empty when the session is missing or no longer active."""

    def __init__(self, fetch: Callable[[], list[int]]) -> None:
        self._fetch = fetch

    def read(self) -> list[int]:
        return self._fetch()


GET: LiteralString = f"""
SELECT {MESSAGE} FROM messages
 WHERE workspace = %(workspace)s AND session = %(session)s AND id = %(id)s
"""


def get(conn: Connection, workspace: str, session: str, message_id: str) -> Message | None:
    with conn.cursor(row_factory=message_row) as cursor:
        return cursor.execute(GET, {"workspace": workspace, "session": session, "id": message_id}).fetchone()


BY_IDS: LiteralString = f"""
SELECT {MESSAGE} FROM messages
 WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)
"""


def by_ids(conn: Connection, workspace: str, ids: Sequence[str]) -> dict[str, Message]:
    """The messages of `workspace` that exist among `ids`, by id."""
    with conn.cursor(row_factory=message_row) as cursor:
        found = cursor.execute(BY_IDS, {"workspace": workspace, "ids": list(ids)}).fetchall()
    return {message.id: message for message in found}


EXISTING: LiteralString = "SELECT id FROM messages WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)"


def existing(conn: Connection, workspace: str, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that are still there."""
    return {str(row[0]) for row in conn.execute(EXISTING, {"workspace": workspace, "ids": list(ids)})}


RANGE: LiteralString = f"""
SELECT {MESSAGE} FROM messages
 WHERE workspace = %(workspace)s AND session = %(session)s AND seq BETWEEN %(first)s AND %(last)s
 ORDER BY seq
 LIMIT %(most)s
"""


def in_range(
    conn: Connection, workspace: str, session: str, first: int, last: int, *, most: int | None = None
) -> list[Message]:
    """The messages from place `first` to place `last`, both included, in order; at most the first `most` of them."""
    given = {"workspace": workspace, "session": session, "first": first, "last": last, "most": most}
    with conn.cursor(row_factory=message_row) as cursor:
        return cursor.execute(RANGE, given).fetchall()


# The messages of a window, and what others said between them: the newest, because a sparse author's window may
# span a whole session.
WITH_CONTEXT: LiteralString = f"""
SELECT {MESSAGE} FROM messages
 WHERE workspace = %(workspace)s AND session = %(session)s AND seq = ANY(%(seqs)s)
 UNION ALL
(SELECT {MESSAGE} FROM messages
  WHERE workspace = %(workspace)s AND session = %(session)s AND seq BETWEEN %(first)s AND %(last)s
    AND is_reasoned AND peer <> %(observed)s
  ORDER BY seq DESC
  LIMIT %(most)s)
 ORDER BY seq
"""


def with_context(
    conn: Connection, workspace: str, session: str, observed: str, seqs: Sequence[int], *, most: int
) -> list[Message]:
    """The messages at `seqs`, which `observed` wrote, and at most `most` of others, from just before the first on.

    Leaves out what no deriver may read, not even as context. In order.
    """
    with conn.cursor(row_factory=message_row) as cursor:
        cursor.execute(
            WITH_CONTEXT,
            {
                "workspace": workspace,
                "session": session,
                "observed": observed,
                "seqs": list(seqs),
                "first": min(seqs) - 1,
                "last": max(seqs),
                "most": most,
            },
        )
        return cursor.fetchall()


# Back from the newest in blocks until they hold more than the budget, however long the session; then only these
# blocks are read. A window over the whole session would be read to its end before it is cut.
NEWEST: LiteralString = f"""
WITH RECURSIVE walk (low, tokens) AS (
    SELECT max(seq) + 1, 0::bigint
      FROM messages
     WHERE workspace = %(workspace)s AND session = %(session)s
     UNION ALL
    SELECT w.low - 200, w.tokens + coalesce((
           SELECT sum(token_count) FROM messages
            WHERE workspace = %(workspace)s AND session = %(session)s AND seq >= w.low - 200 AND seq < w.low), 0)
      FROM walk AS w
     WHERE w.tokens <= %(tokens)s AND w.low > %(first)s)
SELECT {MESSAGE}
  FROM (SELECT {MESSAGE}, sum(token_count) OVER (ORDER BY seq DESC) AS so_far
          FROM messages
         WHERE workspace = %(workspace)s AND session = %(session)s
           AND seq >= greatest(%(first)s, (SELECT min(low) FROM walk))) AS newest
 WHERE so_far <= %(tokens)s
 ORDER BY seq
"""


def newest_within(conn: Connection, workspace: str, session: str, *, tokens: int, first: int = 1) -> list[Message]:
    """The newest messages, from place `first` on, whose tokens sum up to at most `tokens`; oldest first.

    Stops at the first message that does not fit.
    """
    if tokens < 0:
        return []
    given = {"workspace": workspace, "session": session, "tokens": tokens, "first": first}
    with conn.cursor(row_factory=message_row) as cursor:
        return cursor.execute(NEWEST, given).fetchall()


def page(conn: Connection, where: Condition, request: PageRequest) -> Page[Message]:
    """One page of the messages that meet `where` (over alias `m`), in the order they were inserted."""
    order: Order = {"m.workspace": True, "m.session": True, "m.seq": True}
    columns: LiteralString = "m." + MESSAGE.replace(", ", ", m.")
    return select_page(conn, columns, "messages AS m", where, order, request, message_row)


SET_METADATA: LiteralString = f"""
UPDATE messages SET metadata = %(metadata)s
 WHERE workspace = %(workspace)s AND session = %(session)s AND id = %(id)s
RETURNING {MESSAGE}
"""


def set_metadata(
    conn: Connection, workspace: str, session: str, message_id: str, metadata: JsonObject
) -> Message | None:
    with conn.cursor(row_factory=message_row) as cursor:
        keys = {"workspace": workspace, "session": session, "id": message_id}
        return cursor.execute(SET_METADATA, {**keys, "metadata": Jsonb(metadata)}).fetchone()
