"""Members: peers joining, leaving, watching."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import RowMaker

from shared.domain.page import Page, PageRequest
from shared.domain.peer import Peer
from shared.domain.session import Member, ObservationSettings
from shared.store.conditions import Condition
from shared.store.database import Connection
from shared.store.pages import select_page
from shared.store.rows import PEER, peer_row

_MEMBER: LiteralString = """
       m.peer, m.observe_me, m.observe_others, p.configuration -> 'observe_me' <> 'false', m.joined_at, m.left_at
  FROM members AS m
  JOIN peers AS p ON p.workspace = m.workspace AND p.name = m.peer
 WHERE m.workspace = %(workspace)s AND m.session = %(session)s
"""


def member_row(_: Cursor[Any]) -> RowMaker[Member]:
    def make(values: Sequence[Any]) -> Member:
        peer, observe_me, observe_others, peer_flag, joined_at, left_at = values
        return Member(peer, ObservationSettings(observe_me, observe_others), peer_flag, joined_at, left_at)

    return make


GET: LiteralString = f"SELECT {_MEMBER} AND m.peer = %(peer)s"


def get(conn: Connection, workspace: str, session: str, peer: str) -> Member | None:
    """The membership, also of a peer that has left."""
    with conn.cursor(row_factory=member_row) as cursor:
        return cursor.execute(GET, {"workspace": workspace, "session": session, "peer": peer}).fetchone()


JOIN: LiteralString = """
INSERT INTO members AS m (workspace, session, peer, observe_me, observe_others, joined_at)
SELECT %(workspace)s, %(session)s, n.peer, n.observe_me, n.observe_others, %(now)s
  FROM unnest(%(peers)s::text[], %(observe_me)s::bool[], %(observe_others)s::bool[])
       AS n (peer, observe_me, observe_others)
    ON CONFLICT (workspace, session, peer) DO UPDATE
   SET left_at = NULL, joined_at = EXCLUDED.joined_at,
       observe_me = EXCLUDED.observe_me, observe_others = EXCLUDED.observe_others
 WHERE m.left_at IS NOT NULL
"""


def join(
    conn: Connection, workspace: str, session: str, joining: Mapping[str, ObservationSettings], now: datetime
) -> None:
    """Make them members. An active member keeps what it has; one that left comes back with the new settings."""
    peers = sorted(joining)
    if peers:
        conn.execute(
            JOIN,
            {
                "workspace": workspace,
                "session": session,
                "peers": peers,
                "observe_me": [joining[peer].observe_me for peer in peers],
                "observe_others": [joining[peer].observe_others for peer in peers],
                "now": now,
            },
        )


LEAVE: LiteralString = """
UPDATE members SET left_at = %(now)s
 WHERE workspace = %(workspace)s AND session = %(session)s AND left_at IS NULL
   AND (%(peers)s::text[] IS NULL OR peer = ANY(%(peers)s))
"""


def leave(conn: Connection, workspace: str, session: str, peers: Sequence[str] | None, now: datetime) -> None:
    """Note that `peers` have left; None means everybody."""
    named = None if peers is None else list(peers)
    conn.execute(LEAVE, {"workspace": workspace, "session": session, "peers": named, "now": now})


# In the order of code points, which is Python's; Aurora's own is that of English.
HOLD: LiteralString = """
SELECT peer FROM members
 WHERE workspace = %(workspace)s AND session = %(session)s
 ORDER BY peer COLLATE "C"
   FOR NO KEY UPDATE
"""

LEAVE_OTHERS: LiteralString = """
UPDATE members SET left_at = %(now)s
 WHERE workspace = %(workspace)s AND session = %(session)s AND left_at IS NULL
   AND peer <> ALL(%(peers)s::text[]) AND NOT starts_with(peer, 'scope.')
"""

PLACE: LiteralString = """
INSERT INTO members AS m (workspace, session, peer, observe_me, observe_others, joined_at)
SELECT %(workspace)s, %(session)s, n.peer, n.observe_me, n.observe_others, %(now)s
  FROM unnest(%(peers)s::text[], %(observe_me)s::bool[], %(observe_others)s::bool[])
       AS n (peer, observe_me, observe_others)
    ON CONFLICT (workspace, session, peer) DO UPDATE
   SET joined_at = CASE WHEN m.left_at IS NULL THEN m.joined_at ELSE EXCLUDED.joined_at END, left_at = NULL,
       observe_me = EXCLUDED.observe_me, observe_others = EXCLUDED.observe_others
"""


def replace(
    conn: Connection, workspace: str, session: str, joining: Mapping[str, ObservationSettings], now: datetime
) -> None:
    """Make exactly these the ordinary members, with these settings; who stays keeps its time of joining."""
    peers = sorted(joining)
    keys = {"workspace": workspace, "session": session, "now": now, "peers": peers}
    # In order, before they are changed in whatever order the scan finds them: two such calls cannot deadlock.
    conn.execute(HOLD, keys)
    conn.execute(LEAVE_OTHERS, keys)
    observe_me = [joining[peer].observe_me for peer in peers]
    observe_others = [joining[peer].observe_others for peer in peers]
    conn.execute(PLACE, {**keys, "observe_me": observe_me, "observe_others": observe_others})


SET: LiteralString = """
INSERT INTO members AS m (workspace, session, peer, observe_me, observe_others, joined_at)
VALUES (%(workspace)s, %(session)s, %(peer)s, %(observe_me)s, %(observe_others)s, %(now)s)
    ON CONFLICT (workspace, session, peer) DO UPDATE
   SET observe_me = coalesce(EXCLUDED.observe_me, m.observe_me),
       observe_others = coalesce(EXCLUDED.observe_others, m.observe_others)
"""


def set_observation(
    conn: Connection, workspace: str, session: str, peer: str, settings: ObservationSettings, now: datetime
) -> None:
    """Change what is given; makes an active membership where there was none."""
    conn.execute(
        SET,
        {
            "workspace": workspace,
            "session": session,
            "peer": peer,
            "observe_me": settings.observe_me,
            "observe_others": settings.observe_others,
            "now": now,
        },
    )


COUNT_OBSERVERS: LiteralString = """
SELECT count(*) FROM members
 WHERE workspace = %(workspace)s AND session = %(session)s AND left_at IS NULL AND observe_others
   AND NOT starts_with(peer, 'scope.')
"""


def count_observers(conn: Connection, workspace: str, session: str) -> int:
    """Active members that watch others, scopes left out."""
    row = conn.execute(COUNT_OBSERVERS, {"workspace": workspace, "session": session}).fetchone()
    return int(row[0]) if row else 0


def page(conn: Connection, where: Condition, request: PageRequest) -> Page[Peer]:
    """One page of the peers whose membership meets `where` (over aliases `m` and `p`), in joining order."""
    columns: LiteralString = "p." + PEER.replace(", ", ", p.")
    source: LiteralString = "members AS m JOIN peers AS p ON p.workspace = m.workspace AND p.name = m.peer"
    return select_page(conn, columns, source, where, {"m.joined_at": True, "m.peer": True}, request, peer_row)


SESSIONS_OF: LiteralString = """
SELECT m.session FROM members AS m
  JOIN sessions AS s ON s.workspace = m.workspace AND s.name = m.session
 WHERE m.workspace = %(workspace)s AND m.peer = %(peer)s AND s.is_active
   AND (m.left_at IS NULL OR NOT starts_with(m.peer, 'scope.'))
 ORDER BY m.session
"""


def sessions_of(conn: Connection, workspace: str, peer: str) -> list[str]:
    """The sessions that the peer is or was a member of, those under deletion left out.

    A peer remembers what it left; a scope does not.
    """
    found = conn.execute(SESSIONS_OF, {"workspace": workspace, "peer": peer}).fetchall()
    return [str(row[0]) for row in found]


ACTIVE_AMONG: LiteralString = """
SELECT session FROM members
 WHERE workspace = %(workspace)s AND session = ANY(%(sessions)s) AND peer = %(peer)s AND left_at IS NULL
"""


def active_among(conn: Connection, workspace: str, peer: str, sessions: Sequence[str]) -> set[str]:
    """Those of `sessions` that the peer is in now."""
    found = conn.execute(ACTIVE_AMONG, {"workspace": workspace, "peer": peer, "sessions": list(sessions)}).fetchall()
    return {str(row[0]) for row in found}
