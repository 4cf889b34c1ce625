"""What the write path reads and makes before it appends messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from shared.domain.ids import new_id
from shared.domain.json import JsonObject
from shared.domain.retry import Batch, Unanswered
from shared.domain.session import ObservationSettings
from shared.store import members, peers, unanswered
from shared.store.database import Connection


@dataclass(frozen=True, slots=True)
class Witness:
    """A member as far as a new message is concerned. `is_leaving`: the peer is being erased."""

    peer: str
    is_active: bool
    is_observed: bool
    observes_others: bool
    is_leaving: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """What is stored where messages are about to be appended; None where there is nothing yet.

    `unanswered` are the runs of the very same batch whose answer has not gone out.
    """

    workspace: JsonObject | None
    session: JsonObject | None
    is_active: bool
    witnesses: tuple[Witness, ...]
    unanswered: tuple[Unanswered, ...] = ()


# One statement: the authors' memberships and the active observers'.
SCENE: LiteralString = f"""
SELECT w.configuration, s.configuration, coalesce(s.is_active, true),
       (SELECT coalesce(jsonb_agg(jsonb_build_array(
                   m.peer, m.left_at IS NULL,
                   coalesce(m.observe_me, p.configuration -> 'observe_me' <> 'false', true),
                   m.left_at IS NULL AND coalesce(m.observe_others, false) AND p.is_active,
                   NOT p.is_active)), '[]')
          FROM members AS m
          JOIN peers AS p ON p.workspace = m.workspace AND p.name = m.peer
         WHERE m.workspace = %(workspace)s AND m.session = %(session)s
           AND (m.peer = ANY(%(authors)s) OR (m.left_at IS NULL AND m.observe_others))),
       {unanswered.SELECTED}
  FROM workspaces AS w
  LEFT JOIN sessions AS s ON s.workspace = w.name AND s.name = %(session)s
 WHERE w.name = %(workspace)s
"""


def scene(
    conn: Connection,
    workspace: str,
    session: str,
    authors: Sequence[str],
    *,
    now: datetime,
    batch: Batch | None = None,
) -> Scene:
    """What is there, read in one statement."""
    fingerprint = None if batch is None else batch.fingerprint
    values = {"workspace": workspace, "session": session, "authors": list(authors)}
    row = conn.execute(SCENE, {**values, "fingerprint": fingerprint, "now": now}).fetchone()
    if row is None:
        return Scene(None, None, True, ())
    return Scene(row[0], row[1], row[2], tuple(Witness(*witness) for witness in row[3]), unanswered.read(row[4]))


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
