"""What the write path reads and makes before it appends messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from shared.domain.ids import new_id
from shared.domain.json import JsonObject
from shared.domain.session import ObservationSettings
from shared.store import members, peers
from shared.store.database import Connection


@dataclass(frozen=True, slots=True)
class Witness:
    """A member as far as a new message is concerned."""

    peer: str
    is_active: bool
    is_observed: bool
    observes_others: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """What is stored where messages are about to be appended; None where there is nothing yet."""

    workspace: JsonObject | None
    session: JsonObject | None
    is_active: bool
    witnesses: tuple[Witness, ...]


# One statement: the authors' memberships and the active observers'.
SCENE: LiteralString = """
SELECT w.configuration, s.configuration, coalesce(s.is_active, true),
       (SELECT coalesce(jsonb_agg(jsonb_build_array(
                   m.peer, m.left_at IS NULL,
                   coalesce(m.observe_me, p.configuration -> 'observe_me' <> 'false', true),
                   m.left_at IS NULL AND coalesce(m.observe_others, false))), '[]')
          FROM members AS m
          JOIN peers AS p ON p.workspace = m.workspace AND p.name = m.peer
         WHERE m.workspace = %(workspace)s AND m.session = %(session)s
           AND (m.peer = ANY(%(authors)s) OR (m.left_at IS NULL AND m.observe_others)))
  FROM workspaces AS w
  LEFT JOIN sessions AS s ON s.workspace = w.name AND s.name = %(session)s
 WHERE w.name = %(workspace)s
"""


def scene(conn: Connection, workspace: str, session: str, authors: Sequence[str]) -> Scene:
    """What is there, read in one statement."""
    values = {"workspace": workspace, "session": session, "authors": list(authors)}
    row = conn.execute(SCENE, values).fetchone()
    if row is None:
        return Scene(None, None, True, ())
    return Scene(row[0], row[1], row[2], tuple(Witness(*witness) for witness in row[3]))


ENSURE_WORKSPACE: LiteralString = """
INSERT INTO workspaces (name, uid, created_at) VALUES (%(workspace)s, %(uid)s, %(now)s)
    ON CONFLICT (name) DO NOTHING
"""

ENSURE_SESSION: LiteralString = """
INSERT INTO sessions (workspace, name, uid, created_at) VALUES (%(workspace)s, %(session)s, %(uid)s, %(now)s)
    ON CONFLICT (workspace, name) DO NOTHING
"""


def ensure(conn: Connection, workspace: str, session: str, authors: Sequence[str], now: datetime) -> None:
    """Make what is missing: workspace, session, authors and their memberships; existing rows are not rewritten.

    In this order everywhere, names sorted, so that racing writers wait for each other and never deadlock.
    """
    conn.execute(ENSURE_WORKSPACE, {"workspace": workspace, "uid": new_id(), "now": now})
    conn.execute(ENSURE_SESSION, {"workspace": workspace, "session": session, "uid": new_id(), "now": now})
    peers.ensure(conn, workspace, authors, now)
    members.join(conn, workspace, session, dict.fromkeys(authors, ObservationSettings()), now)
