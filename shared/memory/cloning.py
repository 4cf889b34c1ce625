"""Cloning: a session of its own with the same messages, members and settings, and no memory yet."""

from shared.backends import Backends
from shared.domain.errors import NotFound
from shared.domain.ids import new_id
from shared.domain.session import Session
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.memory.note import UNNOTED, Note
from shared.memory.relay import send
from shared.store import cloning, sessions
from shared.store.database import Connection


def clone(
    backends: Backends, workspace: str, session: str, *, up_to: str | None = None, note: Note[Session] = UNNOTED
) -> Session:
    """A copy of the session under a new name, with its messages up to and including the one whose id is `up_to`.

    Its messages will be found by search; nothing is concluded from them again. Raises `NotFound`.
    """
    name = new_id()

    def work(conn: Connection) -> tuple[Session, list[WakeUp]]:
        now = backends.clock.now()
        last = cloning.last_place(conn, workspace, session, up_to)
        made = None if last is None else cloning.copy(conn, workspace, session, name, last, now)
        if made is None:
            raise NotFound(_missing(conn, workspace, session, up_to))
        wake_ups = cloning.plan_index(conn, WorkUnit(workspace, TaskKind.INDEX, name), now=now)
        note(conn, made)
        return made, wake_ups

    def happened(conn: Connection) -> bool:
        return sessions.get(conn, workspace, name) is not None

    made, wake_ups = backends.db.run(work, happened=happened)
    send(backends, wake_ups)
    return made


def _missing(conn: Connection, workspace: str, session: str, message: str | None) -> str:
    found = sessions.get(conn, workspace, session)
    if found is None or not found.is_active or message is None:
        return f"session {session} not found"
    return f"message {message} not found"
