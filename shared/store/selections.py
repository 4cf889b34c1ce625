"""Which rows a list is about, before any filter: the conditions that go with each aggregate's page."""

from typing import LiteralString

from psycopg import sql

from shared.domain.ids import CANARY_WORKSPACE
from shared.store.conditions import Condition

# The canary's is not: nobody made it, and nobody who counts tenants should meet it.
EVERY_WORKSPACE = Condition(sql.SQL("name <> %(canary)s"), {"canary": CANARY_WORKSPACE})

_PEERS: LiteralString = "workspace = %(in_workspace)s"
_ORDINARY: LiteralString = " AND NOT starts_with(name, 'scope.')"
_SCOPES: LiteralString = " AND starts_with(name, 'scope.')"


def all_peers(workspace: str) -> Condition:
    return Condition(sql.SQL(_PEERS), {"in_workspace": workspace})


def ordinary_peers(workspace: str) -> Condition:
    """Peers that are not the perspective of a scope."""
    return Condition(sql.SQL(_PEERS + _ORDINARY), {"in_workspace": workspace})


def scope_peers(workspace: str) -> Condition:
    return Condition(sql.SQL(_PEERS + _SCOPES), {"in_workspace": workspace})


_ACTIVE_SESSIONS: LiteralString = "s.workspace = %(in_workspace)s AND s.is_active"


def active_sessions(workspace: str) -> Condition:
    return Condition(sql.SQL(_ACTIVE_SESSIONS), {"in_workspace": workspace})


_SESSIONS_OF_PEER: LiteralString = """
s.workspace = %(in_workspace)s
AND EXISTS (SELECT 1 FROM members AS mine
             WHERE mine.workspace = s.workspace AND mine.session = s.name AND mine.peer = %(of_peer)s)
"""


def sessions_of_peer(workspace: str, peer: str) -> Condition:
    """The sessions it is or was in, those being deleted included."""
    return Condition(sql.SQL(_SESSIONS_OF_PEER), {"in_workspace": workspace, "of_peer": peer})


_ACTIVE_MEMBERS: LiteralString = """
m.workspace = %(in_workspace)s AND m.session = %(in_session)s AND m.left_at IS NULL
AND NOT starts_with(m.peer, 'scope.')
"""


def active_members(workspace: str, session: str) -> Condition:
    return Condition(sql.SQL(_ACTIVE_MEMBERS), {"in_workspace": workspace, "in_session": session})


_MESSAGES: LiteralString = "m.workspace = %(in_workspace)s AND m.session = %(in_session)s"


def messages_of(workspace: str, session: str) -> Condition:
    return Condition(sql.SQL(_MESSAGES), {"in_workspace": workspace, "in_session": session})


_CONCLUSIONS: LiteralString = "c.workspace = %(in_workspace)s AND c.deleted_at IS NULL"


def live_conclusions(workspace: str) -> Condition:
    return Condition(sql.SQL(_CONCLUSIONS), {"in_workspace": workspace})
