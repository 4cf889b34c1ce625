"""The application: routes, middleware, error answers."""

from typing import Final, cast

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from functions.api import description, problems
from functions.api.body_limit import BodyLimit
from functions.api.degraded import HEADER, Degraded
from functions.api.deliverable import Deliverable
from functions.api.lazy_route import LazyRoute
from functions.api.observing import Observing
from functions.api.routes import (
    admin,
    chat,
    conclusions,
    deletion,
    dreams,
    erasure,
    health,
    keys,
    members,
    messages,
    metrics,
    peer_views,
    peers,
    scopes,
    search,
    session_views,
    sessions,
    uploads,
    usage,
    webhooks,
    workspaces,
)
from shared.backends import Backends
from shared.memory.keys import Revocations
from shared.telemetry.outlets import NONE, Outlets

VERSION_PREFIX: Final = "/v3"
_PREFLIGHT_AGE_S: Final = 600
# In the order they are tried: what is called most comes first.
ROUTERS: Final = (
    messages.router,
    uploads.router,
    health.router,
    session_views.router,
    sessions.router,
    members.router,
    peers.router,
    peer_views.router,
    chat.router,
    search.router,
    conclusions.router,
    scopes.router,
    admin.router,
    dreams.router,
    usage.router,
    webhooks.router,
    workspaces.router,
    deletion.router,
    erasure.router,
    keys.router,
    metrics.router,
)


def create_app(backends: Backends, outlets: Outlets = NONE, *, flushes: bool = False) -> FastAPI:
    """The API over `backends`, below `/v3`; paths without that prefix mean the same.

    `flushes`: each request empties the outlets before its answer ends, where nobody else does.
    """
    settings = backends.settings
    app = FastAPI(
        title="Honcho Serverless",
        description="A memory service over the Honcho v3 API; an independent implementation.",
        version="3",
        # Without the document there are no pages about it either.
        openapi_url=f"{VERSION_PREFIX}/openapi.json" if settings.api.docs_enabled else None,
        docs_url=f"{VERSION_PREFIX}/docs",
        redoc_url=f"{VERSION_PREFIX}/redoc",
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.backends = backends
    app.state.outlets = outlets
    app.state.revocations = Revocations(backends)
    for router in ROUTERS:
        app.router.routes += [cast(LazyRoute, route).below(VERSION_PREFIX) for route in router.routes]
    problems.install(app)
    description.install(app)
    app.add_middleware(Deliverable)
    app.add_middleware(Degraded)
    app.add_middleware(BodyLimit, max_file_size=settings.app.max_file_size, max_body_bytes=settings.api.max_body_bytes)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.app.cors_origins),
        allow_credentials=True,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=[HEADER],
        max_age=_PREFLIGHT_AGE_S,
    )
    app.add_middleware(Observing, flush=outlets.flush if flushes and outlets.held else None)
    app.add_middleware(VersionPrefix)
    return app


class VersionPrefix:
    """Adds `/v3` where it is missing: API Gateway strips its stage, a custom domain mapped to it does not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if "\x00" in path:
                # Nothing can have such a name, and Postgres would not even look for it.
                await problems.problem(404, "Not Found")(scope, receive, send)
                return
            if not path.startswith(f"{VERSION_PREFIX}/"):
                scope = {**scope, "path": VERSION_PREFIX + path}
        await self._app(scope, receive, send)
