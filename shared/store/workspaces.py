"""Workspaces: got or created, changed, listed."""

from datetime import datetime
from typing import LiteralString

from psycopg.types.json import Jsonb

from shared.domain.configuration import cleaned
from shared.domain.ids import new_id
from shared.domain.json import JsonObject
from shared.domain.page import Page, PageRequest
from shared.domain.workspace import Workspace
from shared.store.conditions import Condition
from shared.store.database import Connection
from shared.store.pages import select_page
from shared.store.rows import WORKSPACE, workspace_row

GET: LiteralString = f"SELECT {WORKSPACE} FROM workspaces WHERE name = %(name)s"


def get(conn: Connection, name: str) -> Workspace | None:
    with conn.cursor(row_factory=workspace_row) as cursor:
        return cursor.execute(GET, {"name": name}).fetchone()


CREATE: LiteralString = f"""
INSERT INTO workspaces (name, uid, metadata, configuration, created_at)
VALUES (%(name)s, %(uid)s, %(metadata)s, %(configuration)s, %(now)s)
    ON CONFLICT (name) DO NOTHING
RETURNING {WORKSPACE}
"""


def create(
    conn: Connection, name: str, metadata: JsonObject, configuration: JsonObject, now: datetime
) -> Workspace | None:
    """The new workspace; None when there is one of that name."""
    with conn.cursor(row_factory=workspace_row) as cursor:
        cursor.execute(
            CREATE,
            {
                "name": name,
                "uid": new_id(),
                "metadata": Jsonb(metadata),
                "configuration": Jsonb(cleaned(configuration)),
                "now": now,
            },
        )
        return cursor.fetchone()


LOCK: LiteralString = f"SELECT {WORKSPACE} FROM workspaces WHERE name = %(name)s FOR UPDATE"


def lock(conn: Connection, name: str) -> Workspace | None:
    """The workspace, held until the transaction ends: for changes built on what is stored."""
    with conn.cursor(row_factory=workspace_row) as cursor:
        return cursor.execute(LOCK, {"name": name}).fetchone()


CHANGE: LiteralString = f"""
UPDATE workspaces SET metadata = %(metadata)s, configuration = %(configuration)s
 WHERE name = %(name)s
RETURNING {WORKSPACE}
"""


def change(conn: Connection, name: str, metadata: JsonObject, configuration: JsonObject) -> Workspace | None:
    with conn.cursor(row_factory=workspace_row) as cursor:
        values = {"name": name, "metadata": Jsonb(metadata), "configuration": Jsonb(configuration)}
        return cursor.execute(CHANGE, values).fetchone()


def page(conn: Connection, where: Condition, request: PageRequest) -> Page[Workspace]:
    """One page of the workspaces that meet `where`, oldest first."""
    return select_page(conn, WORKSPACE, "workspaces", where, {"created_at": True, "name": True}, request, workspace_row)
