"""Keys that were revoked, by their id. They belong to no workspace: an admin's key has none."""

from datetime import datetime
from typing import LiteralString

from shared.store.database import Connection

ADD: LiteralString = """
INSERT INTO revoked_keys (key_id, revoked_at)
VALUES (%(key_id)s, %(now)s)
    ON CONFLICT (key_id) DO NOTHING
RETURNING key_id
"""


def add(conn: Connection, key_id: str, now: datetime) -> bool:
    """Note that the key is revoked; whether it was not before."""
    return conn.execute(ADD, {"key_id": key_id, "now": now}).fetchone() is not None


IS_REVOKED: LiteralString = """
SELECT EXISTS (SELECT FROM revoked_keys WHERE key_id = %(key_id)s)
"""


def is_revoked(conn: Connection, key_id: str) -> bool:
    """Whether the key was revoked."""
    row = conn.execute(IS_REVOKED, {"key_id": key_id}).fetchone()
    return row is not None and bool(row[0])
