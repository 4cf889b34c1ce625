"""Keys: made by admins."""

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from functions.api.answers import answer
from functions.api.auth import requires
from functions.api.deps import Backed
from functions.api.description import also
from functions.api.lazy_route import LazyRoute
from functions.api.wire.fields import GivenMoment, Text
from shared.domain.access import Reach
from shared.domain.errors import Disabled
from shared.domain.principal import Principal
from shared.memory import keys

router = APIRouter(prefix="/keys", tags=["keys"], dependencies=[requires(Reach.ADMIN)], route_class=LazyRoute)


class Key(BaseModel):
    """A new key; nothing can show it again."""

    key: str


@router.post("", response_model=Key, responses=also(405))
def create_key(
    backends: Backed,
    workspace_id: Text | None = None,
    peer_id: Text | None = None,
    session_id: Text | None = None,
    expires_at: GivenMoment | None = None,
) -> Response:
    """A key for a workspace, or one peer or session of it. Whether they exist makes no difference."""
    auth = backends.settings.auth
    if not auth.use_auth:
        raise Disabled("keys are not used while authentication is off")
    opens = Principal(workspace=workspace_id or None, peer=peer_id or None, session=session_id or None)
    issued = keys.issue(auth, opens, now=backends.clock.now(), expires_at=expires_at)
    return answer(Key(key=issued.token))
