"""Keys: issued, verified, revoked. A key is a JWT signed with HS256; what it opens is said by `Principal`."""

import hashlib
import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from shared.backends import Backends
from shared.domain.clock import iso_z
from shared.domain.errors import Disabled, Invalid, Unauthorized
from shared.domain.ids import SCOPE_PREFIX, checked_name, new_id
from shared.domain.principal import KEY_ID, Principal
from shared.settings.sections import AuthSettings
from shared.store import revocations

# Where `cryptography` is installed PyJWT loads it, for algorithms that are not used here, and does without where it is
# not: a twentieth of a cold start of the API.
_installed = sys.modules.get(_UNUSED := "cryptography")
sys.modules[_UNUSED] = None  # pyright: ignore[reportArgumentType]  # what Python itself takes for "not to be had"
try:
    import jwt
finally:
    del sys.modules[_UNUSED]
    if _installed is not None:
        sys.modules[_UNUSED] = _installed

_ALGORITHM: Final = "HS256"
# Expiry is checked with the other claims: foreign keys carry it as an ISO string, which the library refuses.
_OPTIONS: Final[Any] = {"verify_exp": False}
# What `issue` and `_id_of` give. Keys of others may have any id, so those are revoked as a whole.
_OWN_ID: Final = re.compile(r"key_[A-Za-z0-9_-]{21}|sha256:[0-9a-f]{64}")
# How long a look at the table of revoked keys is believed: a revoked key ends this much later at the latest.
_BELIEVED: Final = timedelta(seconds=2)
_MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key, and the id it can be revoked by."""

    token: str
    key_id: str


@dataclass(frozen=True, slots=True)
class VerifiedKey:
    """A key that is ours and has not expired."""

    principal: Principal
    key_id: str


def issue(auth: AuthSettings, principal: Principal, *, now: datetime, expires_at: datetime | None = None) -> IssuedKey:
    """A key that opens what `principal` may.

    Raises `Invalid` for one that would open nothing, and `Disabled` when there is no secret to sign with.
    """
    if auth.jwt_secret is None:
        raise Disabled("keys need a secret: set AUTH_JWT_SECRET")
    narrowed = principal.peer or principal.session
    if narrowed and not principal.workspace:
        raise Invalid("a key for a peer or session needs its workspace")
    if not principal.is_admin and not principal.workspace:
        raise Invalid("a key must name a workspace, peer or session")
    _check_names(principal)
    # Recognisable, and never taken for an option of the command line.
    key_id = f"key_{new_id()}"
    claims = {
        "t": iso_z(now),
        "jti": key_id,
        "exp": None if expires_at is None else _seconds(expires_at),
        "ad": principal.is_admin or None,
        "w": principal.workspace,
        "p": principal.peer,
        "s": principal.session,
    }
    given = {name: value for name, value in claims.items() if value is not None and value != ""}
    # Its signature names types of an optional package that is not installed; so does that of `decode` below.
    token = jwt.encode(given, auth.jwt_secret.get_secret_value(), algorithm=_ALGORITHM)  # pyright: ignore[reportUnknownMemberType]
    return IssuedKey(token, key_id)


def verify(auth: AuthSettings, token: str, *, now: datetime) -> VerifiedKey:
    """What `token` says, signed with the secret of today or the previous one. Raises `Unauthorized`.

    Whether it was revoked is for `Revocations` to tell.
    """
    secrets = [one.get_secret_value() for one in (auth.jwt_secret, auth.jwt_secret_previous) if one is not None]
    if not secrets:
        raise Unauthorized("there is no secret to check keys with")
    claims = _claims(token, secrets)
    return VerifiedKey(Principal.of_claims(claims, now), _id_of(token, claims))


def named(auth: AuthSettings, key: str, *, now: datetime) -> str:
    """The id of a key that is named by it or given as a whole. Raises as `revoke` does."""
    if key.count(".") == 2:
        return verify(auth, key, now=now).key_id
    if not _OWN_ID.fullmatch(key):
        raise Invalid("this is neither a whole key nor the id of one, such as key_ and 21 letters")
    return key


def revoke(backends: Backends, key: str) -> tuple[str, bool]:
    """End a key before its time, named by its id or given as a whole: the id, and whether it was valid till now.

    Raises `Unauthorized` for a whole key that is not ours, and `Invalid` for what is neither: half a key that was
    "revoked" would stay in force.
    """
    key_id = named(backends.settings.auth, key, now=backends.clock.now())
    with backends.db.reading() as conn:
        return key_id, revocations.add(conn, key_id, backends.clock.now())


class Revocations:
    """Which keys were revoked, as the database said within the last two seconds."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[datetime, bool]] = {}

    def remembered(self, key_id: str) -> bool | None:
        """Whether the key was revoked; None when the last look is too long ago."""
        seen = self._seen.get(key_id)
        if seen is None or not timedelta(0) <= self._backends.clock.now() - seen[0] < _BELIEVED:
            return None
        return seen[1]

    def look(self, key_id: str) -> bool:
        """Whether the key was revoked, as the database says now."""
        # Before the statement: what is committed while it runs may be missing from its answer.
        now = self._backends.clock.now()
        with self._backends.db.reading() as conn:
            found = revocations.is_revoked(conn, key_id)
        with self._lock:
            if len(self._seen) >= _MOST_REMEMBERED:
                self._seen.clear()
            self._seen[key_id] = (now, found)
        return found


def _check_names(principal: Principal) -> None:
    """Raises `NameInvalid` where nothing can bear such a name, so that the key would open nothing."""
    # Scopes are peers, too, and their cards can be read.
    peer = principal.peer and principal.peer.removeprefix(SCOPE_PREFIX)
    for what, name in (("workspace", principal.workspace), ("peer", peer), ("session", principal.session)):
        if name:
            checked_name(name, f"{what} id")


def _seconds(moment: datetime) -> int:
    """Whole seconds since 1970; a moment without a zone is one in UTC."""
    return int((moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp())


def _claims(token: str, secrets: list[str]) -> Mapping[str, object]:
    """The claims of a token that is signed with one of `secrets`; the library compares in constant time."""
    for secret in secrets:
        try:
            decoded = jwt.decode(token, secret, algorithms=[_ALGORITHM], options=_OPTIONS)  # pyright: ignore[reportUnknownMemberType]
            return cast(Mapping[str, object], decoded)
        except jwt.InvalidSignatureError:
            continue
        # It reads the header before it checks the signature, and trips over some of what strangers put there.
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise Unauthorized("the key is not valid") from error
    raise Unauthorized("the key is not valid")


def _id_of(token: str, claims: Mapping[str, object]) -> str:
    """The id a key can be revoked by; one without a `jti` of plain letters is known by what was signed."""
    given = claims.get("jti")
    if isinstance(given, str) and KEY_ID.fullmatch(given):
        return given
    return "sha256:" + hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()
