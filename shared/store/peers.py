"""Peers: got or created, changed, listed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import LiteralString

from psycopg.types.json import Jsonb

from shared.domain.ids import new_id
from shared.domain.json import JsonObject
from shared.domain.page import Page, PageRequest
from shared.domain.peer import Peer
from shared.store.conditions import Condition
from shared.store.database import Connection
from shared.store.pages import select_page
from shared.store.rows import PEER, peer_row

GET: LiteralString = f"SELECT {PEER} FROM peers WHERE workspace = %(workspace)s AND name = %(name)s"


def get(conn: Connection, workspace: str, name: str) -> Peer | None:
    with conn.cursor(row_factory=peer_row) as cursor:
        return cursor.execute(GET, {"workspace": workspace, "name": name}).fetchone()


EXISTING: LiteralString = """
SELECT name FROM peers WHERE workspace = %(workspace)s AND name = ANY(%(names)s) AND is_active
"""


def existing(conn: Connection, workspace: str, names: Sequence[str]) -> set[str]:
    """Those of `names` that are peers of the workspace and not being erased."""
    return {row[0] for row in conn.execute(EXISTING, {"workspace": workspace, "names": list(names)}).fetchall()}


CREATE: LiteralString = f"""
INSERT INTO peers (workspace, name, uid, metadata, configuration, created_at)
VALUES (%(workspace)s, %(name)s, %(uid)s, %(metadata)s, %(configuration)s, %(now)s)
    ON CONFLICT (workspace, name) DO NOTHING
RETURNING {PEER}
"""


def create(
    conn: Connection, workspace: str, name: str, metadata: JsonObject, configuration: JsonObject, now: datetime
) -> Peer | None:
    """The new peer; None when there is one of that name."""
    with conn.cursor(row_factory=peer_row) as cursor:
        return cursor.execute(CREATE, _row(workspace, name, metadata, configuration, now)).fetchone()


# The workspace first, then the peer: every writer takes them in this order.
CREATE_WITHIN: LiteralString = f"""
WITH house AS (
    INSERT INTO workspaces (name, uid, created_at)
    VALUES (%(workspace)s, %(workspace_uid)s, %(now)s)
        ON CONFLICT (name) DO NOTHING
 RETURNING name)
INSERT INTO peers (workspace, name, uid, metadata, configuration, created_at)
SELECT %(workspace)s, %(name)s, %(uid)s, %(metadata)s, %(configuration)s, %(now)s
  FROM (SELECT count(*) FROM house) AS first
    ON CONFLICT (workspace, name) DO NOTHING
RETURNING {PEER}
"""


def create_within(
    conn: Connection, workspace: str, name: str, metadata: JsonObject, configuration: JsonObject, now: datetime
) -> Peer | None:
    """The new peer, and its workspace where that is missing, in one statement; None when there is one of that name."""
    with conn.cursor(row_factory=peer_row) as cursor:
        given = {**_row(workspace, name, metadata, configuration, now), "workspace_uid": new_id()}
        return cursor.execute(CREATE_WITHIN, given).fetchone()


ENSURE: LiteralString = """
INSERT INTO peers (workspace, name, uid, created_at)
SELECT %(workspace)s, n.name, n.uid, %(now)s
  FROM unnest(%(names)s::text[], %(uids)s::text[]) AS n (name, uid)
    ON CONFLICT (workspace, name) DO NOTHING
"""


def ensure(conn: Connection, workspace: str, names: Iterable[str], now: datetime) -> None:
    """Create those of `names` that do not exist. In sorted order, so that two such calls cannot deadlock."""
    ordered = sorted(names)
    if ordered:
        uids = [new_id() for _ in ordered]
        conn.execute(ENSURE, {"workspace": workspace, "names": ordered, "uids": uids, "now": now})


LEAVING: LiteralString = """
SELECT name FROM peers WHERE workspace = %(workspace)s AND name = ANY(%(names)s) AND NOT is_active
"""


def leaving(conn: Connection, workspace: str, names: Iterable[str]) -> list[str]:
    """Those of `names` that are being erased."""
    return [str(row[0]) for row in conn.execute(LEAVING, {"workspace": workspace, "names": sorted(names)})]


# Who erases a peer holds its row at the end, and then looks once more for what names it.
HOLD: LiteralString = """
SELECT name, is_active FROM peers
 WHERE workspace = %(workspace)s AND name = ANY(%(names)s)
 ORDER BY name
   FOR KEY SHARE
"""


def hold(conn: Connection, workspace: str, names: Iterable[str]) -> list[str]:
    """Keep the rows of those of `names` that are peers until the transaction ends; gives those being erased."""
    held = conn.execute(HOLD, {"workspace": workspace, "names": sorted(names)}).fetchall()
    return [str(name) for name, is_active in held if not is_active]


CHANGE: LiteralString = f"""
UPDATE peers
   SET metadata = coalesce(%(metadata)s, metadata), configuration = coalesce(%(configuration)s, configuration)
 WHERE workspace = %(workspace)s AND name = %(name)s AND is_active
RETURNING {PEER}
"""


def change(
    conn: Connection, workspace: str, name: str, metadata: JsonObject | None, configuration: JsonObject | None
) -> Peer | None:
    """Replace metadata or configuration, each as a whole; None keeps what is stored. None for one being erased."""
    with conn.cursor(row_factory=peer_row) as cursor:
        cursor.execute(
            CHANGE,
            {
                "workspace": workspace,
                "name": name,
                "metadata": None if metadata is None else Jsonb(metadata),
                "configuration": None if configuration is None else Jsonb(configuration),
            },
        )
        return cursor.fetchone()


def page(conn: Connection, where: Condition, request: PageRequest) -> Page[Peer]:
    """One page of the peers that meet `where`, oldest first."""
    return select_page(conn, PEER, "peers", where, {"created_at": True, "name": True}, request, peer_row)


def _row(
    workspace: str, name: str, metadata: JsonObject, configuration: JsonObject, now: datetime
) -> dict[str, object]:
    return {
        "workspace": workspace,
        "name": name,
        "uid": new_id(),
        "metadata": Jsonb(metadata),
        "configuration": Jsonb(configuration),
        "now": now,
    }
