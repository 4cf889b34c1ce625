"""Which session a tool is to read."""

from shared.reasoning.toolkit import Rephrase
from shared.reasoning.tools.context import Memory
from shared.store import sessions


def chosen_session(context: Memory, named: str) -> str:
    """The session that is named, else the one the question is put in.

    Raises `Rephrase`, in the same words for one that must not be read and one that does not exist.
    """
    session = named.strip() or context.session
    if not session:
        raise Rephrase("Name the session; search results name theirs.")
    readable = context.message_sessions()
    with context.backends.db.reading() as conn:
        there = sessions.get(conn, context.workspace, session)
    if there is None or not there.is_active or (readable is not None and session not in readable):
        raise Rephrase("There is no such session to read.")
    return session
