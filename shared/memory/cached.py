"""Workspaces, peers and sessions as the API names them again and again: read through the cache.

Only for answers and for "is it there": what is written is never built on a cached row. What is being deleted is not
kept, so its end needs no second word.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, cast

from shared.backends import Backends
from shared.cache.rows import Kind, Row
from shared.domain.json import Json, JsonObject
from shared.domain.peer import Peer
from shared.domain.session import Session
from shared.domain.workspace import Workspace
from shared.store import peers, sessions, workspaces
from shared.store.database import Connection

T = TypeVar("T", Workspace, Peer, Session)


def workspace(backends: Backends, name: str) -> Workspace | None:
    """The workspace, if there is one."""
    return _read(backends, Row(name, "workspace", name), Workspace, lambda conn: workspaces.get(conn, name))


def peer(backends: Backends, workspace: str, name: str) -> Peer | None:
    """The peer, if there is one; perhaps one that is being erased."""
    return _read(backends, Row(workspace, "peer", name), Peer, lambda conn: peers.get(conn, workspace, name))


def session(backends: Backends, workspace: str, name: str) -> Session | None:
    """The session, if there is one; perhaps one that is being deleted."""
    return _read(backends, Row(workspace, "session", name), Session, lambda conn: sessions.get(conn, workspace, name))


def row(workspace: str, kind: Kind, name: str) -> Row:
    """What a writer says it is changing."""
    return Row(workspace, kind, name)


def _read(backends: Backends, row: Row, kind: type[T], get: Callable[[Connection], T | None]) -> T | None:
    read: list[T | None] = []

    def load() -> JsonObject | None:
        with backends.db.reading() as conn:
            found = get(conn)
        read.append(found)
        return None if found is None or not getattr(found, "is_active", True) else _as_json(found)

    kept = backends.cache.read(row, load)
    if read:
        return read[-1]
    return None if kept is None else _from_json(kind, kept)


def _as_json(found: Workspace | Peer | Session) -> JsonObject:
    values: dict[str, Json] = {name: getattr(found, name) for name in found.__slots__}
    return values | {"created_at": found.created_at.isoformat()}


def _from_json(kind: type[T], kept: JsonObject) -> T:
    made_at = datetime.fromisoformat(cast(str, kept["created_at"]))
    return kind(**cast(dict[str, Any], kept | {"created_at": made_at}))
