"""Who is asking, as their key says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from shared.domain.clock import as_utc
from shared.domain.errors import Unauthorized

# What a key may be known by: keys of others, signed with our secret, have any `jti`.
KEY_ID: Final = re.compile(r"[!-~]{1,512}")


@dataclass(frozen=True, slots=True)
class Principal:
    """The claims of a key. The narrowest one governs."""

    is_admin: bool = False
    workspace: str | None = None
    peer: str | None = None
    session: str | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether it is the key of a peer or a session only."""
        return not self.is_admin and (self.peer is not None or self.session is not None)

    @property
    def governing_peer(self) -> str | None:
        """The peer whose key this is. None for all other keys, those of a session with a peer included."""
        return None if self.is_admin or self.session is not None else self.peer

    @classmethod
    def of_claims(cls, claims: Mapping[str, object], now: datetime) -> Self:
        """What verified claims say: `ad`, `w`, `p`, `s`, `exp`; an empty name is none.

        Raises `Unauthorized` when they expired, contradict each other or name nothing at all.
        """
        expiry = expiry_of(claims)
        if expiry is not None and expiry <= now:
            raise Unauthorized("the key has expired")
        principal = cls(
            claims.get("ad") is True, _name(claims.get("w")), _name(claims.get("p")), _name(claims.get("s"))
        )
        narrowed = principal.peer is not None or principal.session is not None
        if narrowed and principal.workspace is None:
            raise Unauthorized("the key names a peer or session of no workspace")
        if not principal.is_admin and principal.workspace is None:
            raise Unauthorized("the key opens nothing")
        return principal


ADMIN: Final = Principal(is_admin=True)


def expiry_of(claims: Mapping[str, object]) -> datetime | None:
    """When the key ends: an ISO string or, as the standard has it, seconds since 1970. Raises `Unauthorized`."""
    try:
        match claims.get("exp"):
            case None:
                return None
            case str() as text:
                return as_utc(datetime.fromisoformat(text))
            case bool():
                raise Unauthorized("the key cannot be read")
            case int() | float() as seconds:
                return datetime.fromtimestamp(seconds, UTC)
            case _:
                raise Unauthorized("the key cannot be read")
    except (ValueError, OverflowError, OSError):
        raise Unauthorized("the key cannot be read") from None


def _name(claim: object) -> str | None:
    if claim is None or claim == "":
        return None
    # Nothing that is stored has a name like these, and Postgres would not even look for it.
    if not isinstance(claim, str) or "\0" in claim or any("\ud800" <= letter <= "\udfff" for letter in claim):
        raise Unauthorized("the key cannot be read")
    return claim
