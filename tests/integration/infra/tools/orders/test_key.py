"""The verb `key`: what it prints, and what it ends."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.tools.orders.key import key
from shared.domain.errors import Unauthorized
from shared.domain.principal import ADMIN, Principal
from shared.memory.keys import verify
from shared.settings import load
from shared.store import revocations
from shared.store.database import open_database

SECRET = "the secret of these tests, which is longer than it has to be"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, database_dsn: str) -> None:
    monkeypatch.setenv("AUTH_USE_AUTH", "true")
    monkeypatch.setenv("AUTH_JWT_SECRET", SECRET)
    monkeypatch.setenv("DB_CONNECTION_URI", database_dsn)


def _minted(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[str, str]:
    """The key, and the words about it."""
    assert key(list(argv)) == 0
    shown = capsys.readouterr()
    [token] = shown.out.splitlines()
    return token, shown.err


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--admin"], ADMIN),
        (["--workspace", "w"], Principal(workspace="w")),
        (["--workspace", "w", "--peer", "a"], Principal(workspace="w", peer="a")),
        (["--workspace", "w", "--session", "s"], Principal(workspace="w", session="s")),
    ],
)
def test_key_prints_one_that_opens_what_was_asked_for(
    capsys: pytest.CaptureFixture[str], argv: list[str], expected: Principal
):
    token, words = _minted(capsys, *argv)
    verified = verify(load().auth, token, now=datetime.now(UTC))
    assert verified.principal == expected
    assert words == f"id {verified.key_id}, does not expire\n"


@pytest.mark.parametrize(("expires", "span"), [("30m", timedelta(minutes=30)), ("2d", timedelta(days=2))])
def test_key_that_expires_ends_then(capsys: pytest.CaptureFixture[str], expires: str, span: timedelta):
    begun = datetime.now(UTC)
    token, words = _minted(capsys, "--admin", "--expires", expires)
    verify(load().auth, token, now=begun + span - timedelta(seconds=1))
    with pytest.raises(Unauthorized):
        verify(load().auth, token, now=datetime.now(UTC) + span)
    assert "expires 20" in words


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--peer", "a"],
        ["--admin", "--peer", "a"],
        ["--admin", "--workspace", "w"],
        ["--admin", "--expires", "2020-01-01"],
        ["--admin", "--expires", "soon"],
        ["revoke"],
        ["revoke", ""],
    ],
    ids=str,
)
def test_key_that_makes_no_sense_is_refused_before_anything_is_printed(
    capsys: pytest.CaptureFixture[str], argv: list[str]
):
    with pytest.raises(SystemExit) as ended:
        key(argv)
    assert (ended.value.code, capsys.readouterr().out) == (2, "")


def test_key_without_a_secret_says_what_to_set(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTH_USE_AUTH", "false")
    monkeypatch.delenv("AUTH_JWT_SECRET")
    assert key(["--admin"]) == 1
    shown = capsys.readouterr()
    assert (shown.out, "AUTH_JWT_SECRET" in shown.err) == ("", True)


def _is_revoked(key_id: str) -> bool:
    db = open_database(load().db)
    try:
        with db.reading() as conn:
            return revocations.is_revoked(conn, key_id)
    finally:
        db.close()


@pytest.mark.parametrize("form", ["id", "key", "standard input"])
def test_revoke_ends_a_key_by_its_id_or_as_a_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
):
    token, _ = _minted(capsys, "--workspace", "w")
    key_id = verify(load().auth, token, now=datetime.now(UTC)).key_id
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
    named = {"id": key_id, "key": token, "standard input": "-"}[form]
    assert not _is_revoked(key_id)
    assert key(["revoke", named, "--data", str(tmp_path)]) == 0
    assert _is_revoked(key_id)
    assert capsys.readouterr().out == f"{key_id} is revoked, everywhere within seconds.\n"


def test_revoke_of_a_key_that_is_not_ours_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert key(["revoke", "a.b.c", "--data", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "the key is not valid\n"


@pytest.mark.parametrize("cut", [slice(0, -1), slice(1, None), slice(0, 12)], ids=str)
@pytest.mark.parametrize("form", ["id", "key"])
def test_revoke_of_half_of_what_was_copied_claims_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str, cut: slice
):
    token, _ = _minted(capsys, "--workspace", "w")
    key_id = verify(load().auth, token, now=datetime.now(UTC)).key_id
    half = (token if form == "key" else key_id)[cut]
    assert key(["revoke", half, "--data", str(tmp_path)]) == 1
    assert capsys.readouterr().out == ""
    assert not _is_revoked(half)


@pytest.mark.parametrize("argv", [["--workspace", "a b"], ["--workspace", "w", "--peer", "a/b"]], ids=str)
def test_key_for_a_name_that_nothing_can_bear_is_refused(capsys: pytest.CaptureFixture[str], argv: list[str]):
    assert key(argv) == 1
    shown = capsys.readouterr()
    assert (shown.out, "letters, digits, '_' and '-'" in shown.err) == ("", True)
