"""Scopes: the peers that hold them, and the sessions that are in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from shared.domain.ids import new_id
from shared.domain.json import JsonObject
from shared.domain.page import Page, PageRequest
from shared.domain.peer import Peer
from shared.domain.session import ObservationSettings, Session
from shared.store import peers
from shared.store.conditions import Condition
from shared.store.database import Connection
from shared.store.pages import Order, select_page
from shared.store.rows import PEER, SESSION, peer_row, session_row
from shared.store.selections import scope_peers

# A scope says nothing itself, and hears everything that is said in its sessions.
CONFIGURATION: JsonObject = {"observe_me": False}
MEMBERSHIP = ObservationSettings(observe_others=True)

FIND: LiteralString = f"SELECT {PEER} FROM peers WHERE workspace = %(workspace)s AND name = ANY(%(names)s)"


def find(conn: Connection, workspace: str, names: Sequence[str]) -> dict[str, Peer]:
    """The peers of these names, whether they stand for scopes or not."""
    with conn.cursor(row_factory=peer_row) as cursor:
        found = cursor.execute(FIND, {"workspace": workspace, "names": list(names)}).fetchall()
    return {peer.name: peer for peer in found}


ENSURE: LiteralString = """
INSERT INTO peers (workspace, name, uid, configuration, created_at)
SELECT %(workspace)s, n.name, n.uid, %(configuration)s, %(now)s
  FROM unnest(%(names)s::text[], %(uids)s::text[]) AS n (name, uid)
    ON CONFLICT (workspace, name) DO NOTHING
"""


def ensure(conn: Connection, workspace: str, names: Sequence[str], now: datetime) -> None:
    """Create the scopes' peers that do not exist. Sorted, so that two such calls cannot deadlock."""
    ordered = sorted(names)
    if ordered:
        values = {"names": ordered, "uids": [new_id() for _ in ordered], "configuration": Jsonb(CONFIGURATION)}
        conn.execute(ENSURE, {"workspace": workspace, "now": now, **values})


def create(conn: Connection, workspace: str, name: str, metadata: JsonObject, now: datetime) -> Peer | None:
    """The new scope's peer; None when there is a peer of that name."""
    return peers.create(conn, workspace, name, metadata, CONFIGURATION, now)


def page(conn: Connection, workspace: str, request: PageRequest) -> Page[Peer]:
    """One page of the scopes' peers, oldest first."""
    order: Order = {"created_at": True, "name": True}
    return select_page(conn, PEER, "peers", scope_peers(workspace), order, request, peer_row)


ATTACH: LiteralString = """
INSERT INTO members AS m (workspace, session, peer, observe_others, joined_at)
SELECT %(workspace)s, n.session, %(scope)s, true, %(now)s
  FROM unnest(%(sessions)s::text[]) AS n (session)
    ON CONFLICT (workspace, session, peer) DO UPDATE
   SET left_at = NULL, joined_at = EXCLUDED.joined_at, observe_others = true
 WHERE m.left_at IS NOT NULL
RETURNING session
"""


def attach(conn: Connection, workspace: str, scope: str, sessions: Sequence[str], now: datetime) -> set[str]:
    """Put existing sessions into the scope; gives those that were not in it already."""
    values = {"workspace": workspace, "scope": scope, "sessions": sorted(sessions), "now": now}
    return {row[0] for row in conn.execute(ATTACH, values).fetchall()}


DETACH: LiteralString = """
UPDATE members SET left_at = %(now)s
 WHERE workspace = %(workspace)s AND session = %(session)s AND peer = %(scope)s AND left_at IS NULL
RETURNING session
"""


def detach(conn: Connection, workspace: str, scope: str, session: str, now: datetime) -> bool:
    """Take the session out of the scope; False when it was not in it."""
    values = {"workspace": workspace, "scope": scope, "session": session, "now": now}
    return conn.execute(DETACH, values).fetchone() is not None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A session that is to join a scope. `has_past`: there is something a backfill would have to look at."""

    name: str
    is_active: bool
    has_past: bool


HOLD_CANDIDATES: LiteralString = """
SELECT s.name, s.is_active,
       s.last_seq > 0 OR EXISTS (SELECT 1 FROM conclusions AS c
                                  WHERE c.workspace = s.workspace AND c.session = s.name AND c.deleted_at IS NULL)
  FROM sessions AS s
 WHERE s.workspace = %(workspace)s AND s.name = ANY(%(names)s)
 ORDER BY s.name COLLATE "C"
   FOR UPDATE
"""


def hold_candidates(conn: Connection, workspace: str, names: Sequence[str]) -> list[Candidate]:
    """Those of the sessions that exist, in order. Until the transaction ends nothing is written into them.

    Waits for the messages and conclusions that are being written: a backfill planned now will see them.
    """
    rows = conn.execute(HOLD_CANDIDATES, {"workspace": workspace, "names": list(names)}).fetchall()
    return [Candidate(*row) for row in rows]


HOLD_SESSION: LiteralString = """
SELECT 1 FROM sessions WHERE workspace = %(workspace)s AND name = %(session)s FOR KEY SHARE
"""


def hold_session(conn: Connection, workspace: str, session: str) -> None:
    """Let no scope get the session until the transaction ends. Writers of messages are not held up."""
    conn.execute(HOLD_SESSION, {"workspace": workspace, "session": session})


LISTENING: LiteralString = """
SELECT peer FROM members
 WHERE workspace = %(workspace)s AND session = %(session)s AND left_at IS NULL AND starts_with(peer, 'scope.')
 ORDER BY peer COLLATE "C"
   FOR SHARE
"""


def listening(conn: Connection, workspace: str, session: str) -> set[str]:
    """The scopes that the session is in. Until the transaction ends none of them can lose it, and no other gets it."""
    # First, so that the look at the members is not older than the last scope that got the session.
    hold_session(conn, workspace, session)
    rows = conn.execute(LISTENING, {"workspace": workspace, "session": session}).fetchall()
    return {row[0] for row in rows}


SESSIONS: LiteralString = """
SELECT DISTINCT m.session
  FROM members AS m
  JOIN sessions AS s ON s.workspace = m.workspace AND s.name = m.session
 WHERE m.workspace = %(workspace)s AND m.peer = ANY(%(scopes)s) AND m.left_at IS NULL AND s.is_active
 ORDER BY m.session
 LIMIT %(most)s
"""


def sessions_of(conn: Connection, workspace: str, scopes: Sequence[str], *, most: int | None = None) -> list[str]:
    """The names of the sessions that are in any of the scopes now, at most `most` of them."""
    rows = conn.execute(SESSIONS, {"workspace": workspace, "scopes": list(scopes), "most": most}).fetchall()
    return [row[0] for row in rows]


_IN_SCOPE: LiteralString = "m.workspace = %(in_workspace)s AND m.peer = %(scope)s AND m.left_at IS NULL AND s.is_active"
_SESSIONS_WITH_MEMBERSHIP: LiteralString = (
    "members AS m JOIN sessions AS s ON s.workspace = m.workspace AND s.name = m.session"
)


def sessions_page(conn: Connection, workspace: str, scope: str, request: PageRequest) -> Page[Session]:
    """One page of the sessions that are in the scope now, in the order they joined."""
    columns: LiteralString = "s." + SESSION.replace(", ", ", s.")
    order: Order = {"m.joined_at": True, "s.name": True}
    where = Condition(sql.SQL(_IN_SCOPE), {"in_workspace": workspace, "scope": scope})
    return select_page(conn, columns, _SESSIONS_WITH_MEMBERSHIP, where, order, request, session_row)
