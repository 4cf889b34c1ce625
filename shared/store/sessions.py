"""Sessions: got or created, changed, listed."""

from datetime import datetime
from typing import LiteralString

from psycopg.types.json import Jsonb

from shared.domain.configuration import cleaned
from shared.domain.ids import new_id
from shared.domain.json import JsonObject
from shared.domain.page import Page, PageRequest
from shared.domain.session import Session
from shared.store.conditions import Condition
from shared.store.database import Connection
from shared.store.pages import Order, select_page
from shared.store.rows import SESSION, session_row

GET: LiteralString = f"SELECT {SESSION} FROM sessions WHERE workspace = %(workspace)s AND name = %(name)s"


def get(conn: Connection, workspace: str, name: str) -> Session | None:
    with conn.cursor(row_factory=session_row) as cursor:
        return cursor.execute(GET, {"workspace": workspace, "name": name}).fetchone()


LOCK: LiteralString = f"{GET} FOR NO KEY UPDATE"


def lock(conn: Connection, workspace: str, name: str) -> Session | None:
    """The session, held until the transaction ends: for changes built on what is stored."""
    with conn.cursor(row_factory=session_row) as cursor:
        return cursor.execute(LOCK, {"workspace": workspace, "name": name}).fetchone()


CREATE: LiteralString = f"""
INSERT INTO sessions (workspace, name, uid, metadata, configuration, created_at)
VALUES (%(workspace)s, %(name)s, %(uid)s, %(metadata)s, %(configuration)s, %(now)s)
    ON CONFLICT (workspace, name) DO NOTHING
RETURNING {SESSION}
"""


def create(
    conn: Connection, workspace: str, name: str, metadata: JsonObject, configuration: JsonObject, now: datetime
) -> Session | None:
    """The new session; None when there is one of that name."""
    with conn.cursor(row_factory=session_row) as cursor:
        cursor.execute(
            CREATE,
            {
                "workspace": workspace,
                "name": name,
                "uid": new_id(),
                "metadata": Jsonb(metadata),
                "configuration": Jsonb(cleaned(configuration)),
                "now": now,
            },
        )
        return cursor.fetchone()


# The workspace first, then the session: every writer takes them in this order.
CREATE_WITHIN: LiteralString = f"""
WITH house AS (
    INSERT INTO workspaces (name, uid, created_at)
    VALUES (%(workspace)s, %(workspace_uid)s, %(now)s)
        ON CONFLICT (name) DO NOTHING
 RETURNING name)
INSERT INTO sessions (workspace, name, uid, created_at)
SELECT %(workspace)s, %(name)s, %(uid)s, %(now)s
  FROM (SELECT count(*) FROM house) AS first
    ON CONFLICT (workspace, name) DO NOTHING
RETURNING {SESSION}
"""


def create_within(conn: Connection, workspace: str, name: str, now: datetime) -> Session | None:
    """The new session, bare, and its workspace where that is missing, in one statement; None when it is there."""
    with conn.cursor(row_factory=session_row) as cursor:
        given = {"workspace": workspace, "workspace_uid": new_id(), "name": name, "uid": new_id(), "now": now}
        return cursor.execute(CREATE_WITHIN, given).fetchone()


CHANGE: LiteralString = f"""
UPDATE sessions SET metadata = %(metadata)s, configuration = %(configuration)s
 WHERE workspace = %(workspace)s AND name = %(name)s
RETURNING {SESSION}
"""


def change(
    conn: Connection, workspace: str, name: str, metadata: JsonObject, configuration: JsonObject
) -> Session | None:
    with conn.cursor(row_factory=session_row) as cursor:
        values = {"metadata": Jsonb(metadata), "configuration": Jsonb(configuration)}
        return cursor.execute(CHANGE, {"workspace": workspace, "name": name, **values}).fetchone()


HOLD_ACTIVE: LiteralString = """
SELECT 1 FROM sessions WHERE workspace = %(workspace)s AND name = %(name)s AND is_active FOR KEY SHARE
"""


def hold_active(conn: Connection, workspace: str, name: str) -> bool:
    """Keep the session's row from being taken away until the transaction ends; False when it is not active."""
    return conn.execute(HOLD_ACTIVE, {"workspace": workspace, "name": name}).fetchone() is not None


DEACTIVATE: LiteralString = """
UPDATE sessions SET is_active = false WHERE workspace = %(workspace)s AND name = %(name)s AND is_active
"""


def deactivate(conn: Connection, workspace: str, name: str) -> bool:
    """Accept no more writes; False when there is no active session of that name. Waits for the writes under way."""
    return conn.execute(DEACTIVATE, {"workspace": workspace, "name": name}).rowcount == 1


ANY_ACTIVE: LiteralString = "SELECT EXISTS (SELECT FROM sessions WHERE workspace = %(workspace)s AND is_active)"


def any_active(conn: Connection, workspace: str) -> bool:
    row = conn.execute(ANY_ACTIVE, {"workspace": workspace}).fetchone()
    return row is not None and bool(row[0])


def page(conn: Connection, where: Condition, request: PageRequest) -> Page[Session]:
    """One page of the sessions that meet `where` (over alias `s`), oldest first."""
    columns: LiteralString = "s." + SESSION.replace(", ", ", s.")
    order: Order = {"s.created_at": True, "s.name": True}
    return select_page(conn, columns, "sessions AS s", where, order, request, session_row)
