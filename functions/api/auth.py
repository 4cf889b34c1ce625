"""From bearer token to principal, and which principal may use which routes.

For now admin and workspace keys open what they should; keys of a peer or session open nothing.
"""

from typing import Annotated, Any, Final, cast

import jwt
from fastapi import Depends
from starlette.requests import Request

from shared.backends import Backends
from shared.domain.errors import Unauthorized
from shared.domain.principal import ADMIN, Principal

# Expiry is checked with the other claims: keys carry it as an ISO string, which the library refuses.
_OPTIONS: Final[Any] = {"verify_exp": False}
_SCHEME: Final = "bearer"


async def principal_of(request: Request) -> Principal:
    """Who is asking; everybody is admin while authentication is off. Raises `Unauthorized`."""
    backends = cast(Backends, request.app.state.backends)
    settings = backends.settings.auth
    if not settings.use_auth:
        return ADMIN
    if settings.jwt_secret is None:
        raise Unauthorized("there is no secret to check keys with")
    claims = _verified(_token(request), settings.jwt_secret.get_secret_value())
    return Principal.of_claims(claims, backends.clock.now())


Asking = Annotated[Principal, Depends(principal_of)]


async def admin_only(asking: Asking) -> None:
    """For routes over all workspaces."""
    if not asking.is_admin:
        raise Unauthorized


async def within_workspace(request: Request, asking: Asking) -> None:
    """For routes below `/workspaces/{workspace_id}`."""
    if not asking.reaches(request.path_params["workspace_id"]):
        raise Unauthorized


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != _SCHEME or not token.strip():
        raise Unauthorized("a bearer token is needed")
    return token.strip()


def _verified(token: str, secret: str) -> dict[str, object]:
    try:
        # Its signature names types of an optional package that is not installed.
        return jwt.decode(token, secret, algorithms=["HS256"], options=_OPTIONS)  # pyright: ignore[reportUnknownMemberType]
    except jwt.PyJWTError as error:
        raise Unauthorized("the key is not valid") from error
