"""Who is asking, and whether the route is for them.

Each route declares its rule once, as a dependency of the route or of its router:

    @router.post("/list", dependencies=[requires(Reach.WORKSPACE)])

The rule compares the key with `{workspace_id}`, `{peer_id}` and `{session_id}` of the path, and refuses with 401
whatever the reason: a key never learns whether what it may not reach exists. What a body may name is checked in the
handler, by `functions.api.narrow_keys`, with the principal from the parameter `asking: Asking`.
"""

from typing import Annotated, Any, Final, cast

from fastapi import Depends
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from shared.backends import Backends
from shared.domain.access import Place, Reach, Verdict, judge
from shared.domain.errors import Unauthorized
from shared.domain.principal import ADMIN, Principal
from shared.memory import keys
from shared.store import members

_SCHEME: Final = "bearer"


class _BearerKey(SecurityBase):
    """Reads the key of a request; the description of the API shows it as a bearer token."""

    def __init__(self) -> None:
        self.model = HTTPBearer()
        self.scheme_name = "HTTPBearer"

    async def __call__(self, request: Request) -> Principal:
        """Who is asking; everybody is admin while authentication is off. Raises `Unauthorized`."""
        backends = cast(Backends, request.app.state.backends)
        if not backends.settings.auth.use_auth:
            return ADMIN
        verified = keys.verify(backends.settings.auth, _token(request), now=backends.clock.now())
        known = cast(keys.Revocations, request.app.state.revocations)
        is_revoked = known.remembered(verified.key_id)
        if is_revoked is None:
            is_revoked = await run_in_threadpool(known.look, verified.key_id)
        if is_revoked:
            raise Unauthorized("the key was revoked")
        return verified.principal


Asking = Annotated[Principal, Depends(_BearerKey())]
"""A handler's parameter: the principal that sent the request."""


class Rule:
    """Lets through who may use a route."""

    def __init__(self, reach: Reach) -> None:
        self.reach: Final = reach

    async def __call__(self, request: Request, asking: Asking) -> None:
        path = request.path_params
        at = Place(path.get("workspace_id"), path.get("peer_id"), path.get("session_id"))
        verdict = judge(asking, self.reach, at)
        if verdict is Verdict.IF_MEMBER:
            await run_in_threadpool(_check_member, cast(Backends, request.app.state.backends), asking, at)
        elif verdict is Verdict.REFUSED:
            raise Unauthorized


class Open:
    """Lets everybody through, with a key or without."""

    reach: Final = Reach.EVERYBODY

    async def __call__(self) -> None:
        return None


def requires(reach: Reach) -> Any:
    """The rule of a route, for its `dependencies`: who besides an admin may use it. Every route declares one."""
    return Depends(Open() if reach is Reach.EVERYBODY else Rule(reach))


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != _SCHEME or not token.strip():
        raise Unauthorized("a bearer token is needed")
    return token.strip()


def _check_member(backends: Backends, asking: Principal, at: Place) -> None:
    assert at.workspace is not None
    assert at.session is not None
    assert asking.peer is not None
    with backends.db.reading() as conn:
        if not members.active_among(conn, at.workspace, asking.peer, [at.session]):
            raise Unauthorized
