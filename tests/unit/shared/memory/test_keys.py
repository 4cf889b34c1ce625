"""Keys as they are signed, and what is refused as one."""

import base64
import hmac
import json
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jwt
import pytest

from shared.domain.errors import Disabled, Invalid, Unauthorized
from shared.domain.principal import ADMIN, Principal
from shared.memory.keys import issue, verify
from shared.settings.sections import AuthSettings

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = "the secret of these tests, longer than sixty-four characters because of HS512"
AUTH = AuthSettings.model_validate({"jwt_secret": SECRET})


def signed(claims: dict[str, Any], secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def part(document: object) -> str:
    text = document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "principal",
    [
        ADMIN,
        Principal(workspace="w"),
        Principal(workspace="w", peer="a"),
        Principal(workspace="w", session="s"),
        Principal(workspace="w", peer="a", session="s"),
    ],
)
def test_issued_key_is_verified_as_what_it_was_issued_for(principal: Principal):
    issued = issue(AUTH, principal, now=NOW)
    verified = verify(AUTH, issued.token, now=NOW)
    assert (verified.principal, verified.key_id) == (principal, issued.key_id)


def test_issued_claims_are_those_of_the_wire_format():
    issued = issue(AUTH, Principal(workspace="w", peer="a"), now=NOW, expires_at=NOW + timedelta(hours=1))
    claims = jwt.decode(issued.token, SECRET, algorithms=["HS256"], options={"verify_exp": False})
    expiry = int(NOW.timestamp()) + 3600
    assert claims == {"t": "2026-01-02T03:04:05Z", "jti": issued.key_id, "exp": expiry, "w": "w", "p": "a"}


def test_issued_keys_have_ids_of_their_own():
    assert issue(AUTH, ADMIN, now=NOW).key_id != issue(AUTH, ADMIN, now=NOW).key_id


def test_issued_key_ends_at_its_expiry():
    expires_at = NOW + timedelta(minutes=1)
    token = issue(AUTH, ADMIN, now=NOW, expires_at=expires_at).token
    assert verify(AUTH, token, now=expires_at - timedelta(seconds=1)).principal == ADMIN
    with pytest.raises(Unauthorized, match="expired"):
        verify(AUTH, token, now=expires_at)


@pytest.mark.parametrize(
    ("expires_at", "seconds"),
    [
        (datetime(1970, 1, 2), 86_400),  # noqa: DTZ001
        (datetime(1970, 1, 2, tzinfo=timezone(timedelta(hours=2))), 79_200),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))), -62_135_604_000),
    ],
)
def test_expiry_without_a_zone_is_one_in_utc(monkeypatch: pytest.MonkeyPatch, expires_at: datetime, seconds: int):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    token = issue(AUTH, ADMIN, now=NOW, expires_at=expires_at).token
    monkeypatch.undo()
    time.tzset()
    assert jwt.decode(token, options={"verify_signature": False})["exp"] == seconds


@pytest.mark.parametrize(
    "principal", [Principal(), Principal(workspace=""), Principal(peer="a"), Principal(session="s")]
)
def test_key_that_would_open_nothing_is_not_issued(principal: Principal):
    with pytest.raises(Invalid):
        issue(AUTH, principal, now=NOW)


def test_keys_need_a_secret():
    with pytest.raises(Disabled):
        issue(AuthSettings(), ADMIN, now=NOW)
    with pytest.raises(Unauthorized):
        verify(AuthSettings(), signed({"ad": True}), now=NOW)


def test_key_of_the_previous_secret_is_accepted_and_new_ones_are_signed_with_the_present_one():
    new_secret = "another secret that is long enough for everything it is used for in these tests"
    rotating = AuthSettings.model_validate({"jwt_secret": new_secret, "jwt_secret_previous": SECRET})
    rotated = AuthSettings.model_validate({"jwt_secret": new_secret})
    old = issue(AUTH, ADMIN, now=NOW).token
    assert verify(rotating, old, now=NOW).principal == ADMIN
    assert verify(rotated, issue(rotating, ADMIN, now=NOW).token, now=NOW).principal == ADMIN
    with pytest.raises(Unauthorized):
        verify(rotated, old, now=NOW)


HEADER = part({"alg": "HS256", "typ": "JWT"})
ADMINS = part({"ad": True})
NESTED_OBJECTS = '{"a":' * 9000


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "x.y.z",
        "é.é.é",
        "a.b.c.d",
        signed({"ad": True}, secret="a secret that somebody else uses for keys of their own service"),
        signed({"ad": True}, algorithm="HS384"),
        signed({"ad": True}, algorithm="HS512"),
        f"{part({'alg': 'none'})}.{ADMINS}.",
        f"{part({'alg': 'None', 'typ': 'JWT'})}.{ADMINS}.",
        f"{part({'alg': ['HS256']})}.{ADMINS}.{part('x')}",
        f"{part({'alg': {'HS256': 1}})}.{ADMINS}.{part('x')}",
        f"{part({'alg': 'HS256', 'kid': 5})}.{ADMINS}.{part('x')}",
        f"{part({'alg': 'HS256', 'crit': ['b64'], 'b64': False})}.{ADMINS}.{part('x')}",
        f"{part([])}.{ADMINS}.{part('x')}",
        f"{part('5')}.{ADMINS}.{part('x')}",
        f"{part('[' * 9000)}.{ADMINS}.{part('x')}",
        f"{part(NESTED_OBJECTS)}.{ADMINS}.{part('x')}",
        f"{HEADER}.{ADMINS}.",
        f"{HEADER}.{ADMINS}.{part('x')}",
        signed({"ad": True})[:-4],
        signed({"w": "w"}).replace(part({"w": "w"}), ADMINS),
        signed({"ad": True, "aud": "another service"}),
        signed({"ad": True, "nbf": 10**11}),
    ],
)
def test_what_is_no_key_of_ours_is_refused(token: str):
    with pytest.raises(Unauthorized):
        verify(AUTH, token, now=NOW)


def test_key_of_another_issuer_without_an_id_is_known_by_what_was_signed():
    token = signed({"w": "w"})
    verified = verify(AUTH, token, now=NOW)
    assert verified.key_id.startswith("sha256:")
    assert verified.key_id != verify(AUTH, signed({"w": "v"}), now=NOW).key_id


def with_id(given: object) -> str:
    """A key whose id the library would not have signed."""
    signed_part = f"{HEADER}.{part({'w': 'w', 'jti': given})}"
    signature = hmac.digest(SECRET.encode(), signed_part.encode(), "sha256")
    return f"{signed_part}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize("given", ["", "a\0b", "\ud800", "x" * 513, "a b"], ids=ascii)
def test_key_with_an_id_that_cannot_be_stored_is_known_by_what_was_signed(given: str):
    assert verify(AUTH, with_id(given), now=NOW).key_id.startswith("sha256:")


@pytest.mark.parametrize("given", [5, ["a"], {"a": 1}], ids=str)
def test_key_with_an_id_that_is_no_text_is_refused(given: object):
    with pytest.raises(Unauthorized):
        verify(AUTH, with_id(given), now=NOW)


def test_key_without_an_id_stays_the_same_however_its_signature_is_padded():
    token = signed({"w": "w"})
    assert verify(AUTH, f"{token}=", now=NOW).key_id == verify(AUTH, token, now=NOW).key_id
