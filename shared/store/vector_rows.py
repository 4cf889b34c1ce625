"""What the rows say about the vector index: which ids belong into it, and which are on their way in or out."""

from collections.abc import Sequence
from typing import LiteralString

from shared.domain.message import Message
from shared.store.database import Connection
from shared.store.rows import MESSAGE, message_row

WORKSPACES: LiteralString = """
SELECT name FROM workspaces WHERE name > %(after)s ORDER BY name LIMIT %(most)s
"""


def workspaces_after(conn: Connection, after: str, *, most: int) -> list[str]:
    """Names of workspaces in order, the first ones after ''."""
    return [str(row[0]) for row in conn.execute(WORKSPACES, {"after": after, "most": most})]


CONCLUSIONS: LiteralString = """
SELECT id, indexed_at IS NOT NULL FROM conclusions
 WHERE workspace = %(workspace)s AND id > %(after)s AND deleted_at IS NULL
 ORDER BY id
 LIMIT %(most)s
"""


def conclusions_after(conn: Connection, workspace: str, after: str, *, most: int) -> dict[str, bool]:
    """Ids of live conclusions in order, and whether each is said to be in the index."""
    return dict(conn.execute(CONCLUSIONS, {"workspace": workspace, "after": after, "most": most}).fetchall())


MESSAGES: LiteralString = """
SELECT id FROM messages
 WHERE workspace = %(workspace)s AND id > %(after)s
 ORDER BY id
 LIMIT %(most)s
"""


def messages_after(conn: Connection, workspace: str, after: str, *, most: int) -> list[str]:
    """Ids of messages in order."""
    rows = conn.execute(MESSAGES, {"workspace": workspace, "after": after, "most": most})
    return [str(row[0]) for row in rows]


PENDING: LiteralString = """
SELECT m.id FROM messages AS m
 WHERE m.workspace = %(workspace)s AND m.id = ANY(%(ids)s)
   AND EXISTS (SELECT FROM work_items AS i
                WHERE i.workspace = %(workspace)s AND i.unit = 'index:' || m.session || ':' AND i.state = 'pending'
                  AND m.seq BETWEEN i.first_seq AND i.seq)
"""


def pending_messages(conn: Connection, workspace: str, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that wait for their turn to be indexed."""
    return {str(row[0]) for row in conn.execute(PENDING, {"workspace": workspace, "ids": list(ids)})}


LEAVING: LiteralString = """
SELECT conclusion FROM vector_removals WHERE workspace = %(workspace)s AND conclusion = ANY(%(ids)s)
"""


def leaving(conn: Connection, workspace: str, ids: Sequence[str]) -> set[str]:
    """Those of the conclusions `ids` whose vectors are noted to be taken out."""
    return {str(row[0]) for row in conn.execute(LEAVING, {"workspace": workspace, "ids": list(ids)})}


WHOLE: LiteralString = f"SELECT {MESSAGE} FROM messages WHERE workspace = %(workspace)s AND id = ANY(%(ids)s)"


def messages_of(conn: Connection, workspace: str, ids: Sequence[str]) -> list[Message]:
    """These messages, whatever their sessions, in no particular order."""
    with conn.cursor(row_factory=message_row) as cursor:
        return cursor.execute(WHOLE, {"workspace": workspace, "ids": list(ids)}).fetchall()
