"""Why a database cannot be reached, from what a real server and the system say, and with no name in it."""

import socket
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from shared.domain.errors import DatabaseUnavailable, cause_of
from shared.settings.sections import DbSettings
from shared.store import refusals
from shared.store.database import open_database

SECRET = "hunter2"


def cause(dsn: str, **more: object) -> str:
    """What the log says of a database at that address."""
    settings = DbSettings.model_validate({"connection_uri": dsn, "connect_timeout_seconds": 2, **more})
    with pytest.raises(DatabaseUnavailable) as caught, open_database(settings).reading():
        pass
    said = cause_of(caught.value)
    assert not any(name in said for name in (SECRET, "127.0.0.1", "nowhere"))
    return said.removeprefix("DatabaseUnavailable: The database cannot be reached")


def changed(dsn: str, *, login: str | None = None, place: str | None = None, path: str | None = None) -> str:
    parts = urlsplit(dsn)
    was, _, at = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login or was}@{place or at}", path=path or parts.path))


def test_wrong_password_is_told_from_a_server_that_is_down(app_dsn: str):
    role = urlsplit(app_dsn).username
    assert cause(changed(app_dsn, login=f"{role}:{SECRET}")) == ": the role or its password is wrong."
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{taken.getsockname()[1]}"
        assert cause(changed(app_dsn, place=closed)) == ": nobody listens at its address."


def test_database_that_was_never_made_is_named_as_that(app_dsn: str):
    assert cause(changed(app_dsn, path="/nowhere")) == ": there is no such role or database."


def test_server_that_says_nothing_is_late(app_dsn: str):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        said = cause(changed(app_dsn, place=f"127.0.0.1:{mute.getsockname()[1]}"))
    assert said.startswith(": no answer came in time")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("FATAL:  sorry, too many clients already", "it has no connection left"),
        ("FATAL:  remaining connection slots are reserved for roles with SUPERUSER", "it has no connection left"),
        ("FATAL:  the database system is starting up", "it is starting or stopping"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "app"', "this role may not come from here"),
        ("failed to resolve host 'db.internal': [Errno -2] Name or service not known", "the name of its host"),
        ('connection to server at "10.0.0.7", port 5432 failed: Network is unreachable', "there is no way"),
    ],
)
def test_reasons_are_told_without_the_names_in_them(said: str, reason: str):
    found = refusals.reason_of(psycopg.OperationalError(said))
    assert found is not None
    assert found.startswith(reason)


def test_reason_that_nobody_knows_is_not_made_up():
    assert refusals.told(psycopg.OperationalError(f"mot de passe {SECRET}")) is None
