"""Who is asking, as their key says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from shared.domain.clock import as_utc
from shared.domain.errors import Unauthorized


@dataclass(frozen=True, slots=True)
class Principal:
    """The claims of a key. The narrowest one governs; a key without any reaches nothing."""

    is_admin: bool = False
    workspace: str | None = None
    peer: str | None = None
    session: str | None = None

    def reaches(self, workspace: str) -> bool:
        """Whether everything in `workspace` is open to this key: an admin's, or one for this whole workspace."""
        if self.is_admin:
            return True
        return self.workspace == workspace and self.peer is None and self.session is None

    @classmethod
    def of_claims(cls, claims: Mapping[str, object], now: datetime) -> Self:
        """What verified claims say. Raises `Unauthorized` when they expired or contradict each other."""
        _check_expiry(claims.get("exp"), now)
        principal = cls(
            claims.get("ad") is True, _name(claims.get("w")), _name(claims.get("p")), _name(claims.get("s"))
        )
        narrowed = principal.peer is not None or principal.session is not None
        if narrowed and principal.workspace is None:
            raise Unauthorized("the key names a peer or session of no workspace")
        return principal


ADMIN: Final = Principal(is_admin=True)


def _name(claim: object) -> str | None:
    if claim is None or claim == "":
        return None
    if not isinstance(claim, str):
        raise Unauthorized("the key cannot be read")
    return claim


def _check_expiry(claim: object, now: datetime) -> None:
    """Keys carry their expiry as an ISO string or, as the standard has it, as seconds since 1970."""
    try:
        match claim:
            case None:
                return
            case str():
                expiry = as_utc(datetime.fromisoformat(claim))
            case int() | float() if not isinstance(claim, bool):
                expiry = datetime.fromtimestamp(claim, UTC)
            case _:
                raise Unauthorized("the key cannot be read")
    except (ValueError, OverflowError, OSError):
        raise Unauthorized("the key cannot be read") from None
    if expiry <= now:
        raise Unauthorized("the key has expired")
