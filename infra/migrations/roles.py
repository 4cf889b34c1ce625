"""The role `app`, which the functions are: it reads and writes what the owner of the tables made, and makes nothing."""

from typing import Final, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

APP: Final = "app"

_LATER: tuple[LiteralString, ...] = (
    "GRANT USAGE ON SCHEMA public TO {app}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
    " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {app}",
)
_THERE: dict[str, LiteralString] = {
    "r": "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE {name} TO {app}",
    "S": "GRANT USAGE, SELECT ON SEQUENCE {name} TO {app}",
}
# Only the owner's: what others made in the same schema is no business of ours, and is refused.
_OWNED: LiteralString = """
SELECT relkind::text, relname::text FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S') AND relowner = current_user::regrole
 ORDER BY relname
"""
_EXISTS: LiteralString = "SELECT true FROM pg_roles WHERE rolname = %(role)s AND rolname <> current_user"
_METHOD: LiteralString = "SHOW password_encryption"
_CREATE: LiteralString = "CREATE ROLE {app} LOGIN PASSWORD {verifier}"
_CHANGE: LiteralString = "ALTER ROLE {app} LOGIN PASSWORD {verifier}"


def rights(owner: str) -> list[sql.Composed]:
    """The statements that let `app` use whatever `owner` makes from then on."""
    names = {"owner": sql.Identifier(owner), "app": sql.Identifier(APP)}
    return [sql.SQL(statement).format(**names) for statement in _LATER]


def prepare(conn: psycopg.Connection[TupleRow], *, password: str | None) -> None:
    """Make or change the role `app` when a password is given, and give it its rights where there is such a role.

    As the owner of the tables, which may be `app` itself and then needs nothing; commits nothing; safe to repeat.
    """
    if password is not None and conn.info.user != APP:
        _put(conn, password)
    if conn.execute(_EXISTS, {"role": APP}).fetchone() is None:
        return
    for statement in rights(conn.info.user):
        conn.execute(statement)
    for kind, name in conn.execute(_OWNED).fetchall():
        names = {"name": sql.Identifier("public", name), "app": sql.Identifier(APP)}
        conn.execute(sql.SQL(_THERE[kind]).format(**names))


def _put(conn: psycopg.Connection[TupleRow], password: str) -> None:
    # Hashed here, as `\password` of psql does: a statement may end up in the server's log. libpq would ask for the
    # method by itself, in a call that nothing can interrupt.
    [method] = conn.execute(_METHOD).fetchone() or ("scram-sha-256",)
    verifier = conn.pgconn.encrypt_password(password.encode(), APP.encode(), str(method).encode())
    is_there = conn.execute(_EXISTS, {"role": APP}).fetchone() is not None
    statement = sql.SQL(_CHANGE if is_there else _CREATE)
    conn.execute(statement.format(app=sql.Identifier(APP), verifier=sql.Literal(verifier.decode())))
