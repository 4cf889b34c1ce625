"""Workspaces: got or created, and changed."""

from shared.backends import Backends
from shared.domain.configuration import merge
from shared.domain.errors import NotFound
from shared.domain.ids import checked_name
from shared.domain.json import JsonObject
from shared.domain.workspace import Workspace
from shared.memory import cached
from shared.memory.instructions import check_instructions
from shared.memory.note import UNNOTED, Note
from shared.store import workspaces
from shared.store.database import Connection


def get_or_create(
    backends: Backends,
    name: str,
    *,
    metadata: JsonObject,
    configuration: JsonObject,
    note: Note[tuple[Workspace, bool]] = UNNOTED,
) -> tuple[Workspace, bool]:
    """The workspace, and whether this call made it. An existing one is not changed."""
    check_instructions(backends.settings, configuration)
    if not note.is_kept:
        found = cached.workspace(backends, name)
        if found is not None:
            return found, False
        if not metadata and not configuration:
            checked_name(name, "workspace id")
            now = backends.clock.now()
            bare = backends.db.singly(lambda conn: workspaces.create(conn, name, {}, {}, now))
            if bare is not None:
                return bare, True

    def work(conn: Connection) -> tuple[Workspace, bool]:
        made = _create(backends, conn, name, metadata, configuration)
        note(conn, made)
        return made

    return backends.db.run(work)


def require(backends: Backends, name: str) -> Workspace:
    """The workspace. Raises `NotFound`."""
    found = cached.workspace(backends, name)
    if found is None:
        raise NotFound(f"workspace {name} not found")
    return found


def update(
    backends: Backends, name: str, *, metadata: JsonObject | None, configuration: JsonObject | None
) -> Workspace:
    """Replace metadata, lay configuration over the stored one; None keeps. Makes the workspace when missing."""
    check_instructions(backends.settings, configuration or {})

    def work(conn: Connection) -> Workspace:
        stored, is_new = _lock_or_create(backends, conn, name, metadata or {}, configuration or {})
        if is_new:
            return stored
        changed = workspaces.change(
            conn,
            name,
            stored.metadata if metadata is None else metadata,
            merge(stored.configuration, configuration or {}),
        )
        return changed or stored

    with backends.cache.changing(cached.row(name, "workspace", name)):
        return backends.db.run(work)


def _lock_or_create(
    backends: Backends, conn: Connection, name: str, metadata: JsonObject, configuration: JsonObject
) -> tuple[Workspace, bool]:
    stored = workspaces.lock(conn, name)
    return (stored, False) if stored else _create(backends, conn, name, metadata, configuration)


def _create(
    backends: Backends, conn: Connection, name: str, metadata: JsonObject, configuration: JsonObject
) -> tuple[Workspace, bool]:
    made = workspaces.create(conn, checked_name(name, "workspace id"), metadata, configuration, backends.clock.now())
    if made is not None:
        return made, True
    # Somebody else was faster: the insert waited for them, so the row is there now.
    found = workspaces.lock(conn, name)
    if found is None:
        raise NotFound(f"workspace {name} not found")
    return found, False
