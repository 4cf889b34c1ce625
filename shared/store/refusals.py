"""Why no connection to Postgres came about, in words that may stand in any log: no address, no name, no password.

What the driver says holds all three. What it says for the same reason begins alike, in every version of the server and
of the library, unless the server speaks another language than English; then no reason is named.
"""

from typing import Final

import psycopg
from psycopg import errors

_LATE: Final = "no answer came in time: it may sleep, or the way to it may be closed"
_SIGNS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("password authentication failed", "PAM authentication failed"), "the role or its password is wrong"),
    (("no password supplied",), "it asks for a password, and none is set"),
    (("no pg_hba.conf entry", "pg_hba.conf rejects"), "this role may not come from here, or not without TLS"),
    (("does not exist",), "there is no such role or database"),
    (("too many clients", "too many connections", "connection slots"), "it has no connection left"),
    (("starting up", "shutting down", "not yet accepting"), "it is starting or stopping"),
    (("Connection refused",), "nobody listens at its address"),
    (("resolve host", "translate host name", "Name or service not known"), "the name of its host is not known"),
    (("timeout expired", "timed out"), _LATE),
    (("unreachable", "No route to host"), "there is no way to its network"),
    (("certificate", "SSL", "TLS"), "TLS does not come about"),
    (("server closed the connection", "reset by peer"), "it hung up"),
)


def reason_of(error: psycopg.Error) -> str | None:
    """The reason, if it is one that is known."""
    text = str(error)
    known = (reason for signs, reason in _SIGNS if any(sign in text for sign in signs))
    return _LATE if isinstance(error, errors.ConnectionTimeout) else next(known, None)


def told(error: psycopg.Error) -> str | None:
    """The sentence for whoever looks why; None for the usual one."""
    reason = reason_of(error)
    return None if reason is None else f"The database cannot be reached: {reason}."
