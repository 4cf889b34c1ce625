"""How far vectors were copied from one store into another, so that a copy goes on where it was interrupted."""

from dataclasses import dataclass
from typing import Literal, LiteralString, TypeAlias

from shared.store.database import Connection

VectorKind: TypeAlias = Literal["conclusions", "messages"]


@dataclass(frozen=True, slots=True)
class Copied:
    """A workspace's vectors of one kind: `count` of them are copied, all up to id `last`."""

    last: str
    count: int
    is_done: bool


GET: LiteralString = """
SELECT last, copied, is_done FROM vector_copies
 WHERE workspace = %(workspace)s AND target = %(target)s AND kind = %(kind)s
"""


def get(conn: Connection, workspace: str, target: str, kind: VectorKind) -> Copied:
    """How far the copy into `target` is; at the beginning where there was none."""
    row = conn.execute(GET, {"workspace": workspace, "target": target, "kind": kind}).fetchone()
    return Copied("", 0, False) if row is None else Copied(*row)


# A workspace that was deleted meanwhile has nothing to be noted.
PUT: LiteralString = """
INSERT INTO vector_copies (workspace, target, kind, last, copied, is_done)
SELECT name, %(target)s, %(kind)s, %(last)s, %(copied)s, %(is_done)s FROM workspaces WHERE name = %(workspace)s
    ON CONFLICT (workspace, target, kind) DO UPDATE
   SET last = EXCLUDED.last, copied = EXCLUDED.copied, is_done = EXCLUDED.is_done
"""


def put(conn: Connection, workspace: str, target: str, kind: VectorKind, copied: Copied) -> None:
    values = {"last": copied.last, "copied": copied.count, "is_done": copied.is_done}
    conn.execute(PUT, {"workspace": workspace, "target": target, "kind": kind, **values})


FORGET: LiteralString = "DELETE FROM vector_copies WHERE workspace = %(workspace)s AND target = %(target)s"


def forget(conn: Connection, workspace: str, target: str) -> None:
    """Have the next copy begin at the beginning."""
    conn.execute(FORGET, {"workspace": workspace, "target": target})
