"""Errors as answers: the only module that knows domain errors and HTTP statuses both."""

import json
import math
from collections.abc import Mapping
from typing import Final, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.domain.errors import (
    AnswerDeclined,
    BudgetExhausted,
    Conflict,
    Disabled,
    Invalid,
    LimitExceeded,
    ModelRefused,
    NotFound,
    ServiceError,
    StillRunning,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedType,
)
from shared.settings.choice import ModelMissing
from shared.telemetry.logs import logger

_UNEXPECTED: Final = "An unexpected error occurred"
_RETRY_AFTER_S: Final = 2
# The first class that fits decides, so the narrow ones come first.
_STATUSES: Final[tuple[tuple[type[ServiceError], int], ...]] = (
    (TooLarge, 413),
    (UnsupportedType, 415),
    (ModelMissing, 503),
    (Invalid, 422),
    (NotFound, 404),
    (Conflict, 409),
    (LimitExceeded, 400),
    (Unauthorized, 401),
    (Disabled, 405),
    (BudgetExhausted, 402),
    (Unavailable, 503),
)


def install(app: FastAPI) -> None:
    """Make `app` answer every error with a status and `{"detail": …}`."""
    app.add_exception_handler(ServiceError, _on_service_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_middleware(LastResort)


class LastResort:
    """Answers what nobody expected with a fixed text; the log says where it came from, never what it said."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            logger.exception("request_failed", method=scope["method"], is_answer_begun=started)
            if started:
                # Only a broken connection tells the client that the rest is missing.
                raise RuntimeError("the answer broke off") from None
            await problem(500, _UNEXPECTED)(scope, receive, send)


def problem(status: int, detail: object, headers: Mapping[str, str] | None = None) -> Response:
    """An error as an answer."""
    return Response(json.dumps({"detail": detail}), status, headers, media_type="application/json")


def told(error: Exception) -> tuple[int, str]:
    """The status of an error, and what clients are told about it."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    # Of a missing model we wrote ourselves, for the operator: which setting is missing.
    if status < 500 or isinstance(error, ModelMissing):
        return status, str(error)
    # The class speaks, not the instance: that may name hosts or quote a provider.
    if isinstance(error, ModelRefused):
        return status, str(AnswerDeclined() if isinstance(error, AnswerDeclined) else ModelRefused())
    return status, str(type(error)()) if isinstance(error, Unavailable) else _UNEXPECTED


async def _on_service_error(_: Request, error: Exception) -> Response:
    status, detail = told(error)
    if isinstance(error, ModelMissing):
        return problem(status, detail, {"Retry-After": str(retry_after(None))})
    if isinstance(error, StillRunning):
        return problem(status, detail, {"Retry-After": str(retry_after(error.retry_after_s))})
    if status < 500:
        return problem(status, detail)
    logger.exception("request_not_served", status=status)
    if not isinstance(error, Unavailable):
        return problem(status, detail)
    return problem(status, detail, {"Retry-After": str(retry_after(error.retry_after_s))})


def retry_after(seconds: float | None) -> int:
    """The value of the header: whole seconds, and a usual wait where nobody knows better."""
    return _RETRY_AFTER_S if seconds is None else math.ceil(seconds)


async def _on_invalid_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem(422, [_finding(finding) for finding in error.errors()])


def _finding(finding: Mapping[str, object]) -> dict[str, object]:
    """One finding as clients know it. Of the input only scalars: an echo of all of it could be megabytes."""
    kept = {key: finding[key] for key in ("type", "loc", "msg") if key in finding}
    given, context = finding.get("input"), finding.get("ctx")
    if given is None or isinstance(given, str | bool | int) or (isinstance(given, float) and math.isfinite(given)):
        kept["input"] = given[:200] if isinstance(given, str) else given
    if isinstance(context, dict):
        kept["ctx"] = {key: _plain(value) for key, value in cast(dict[str, object], context).items()}
    return kept


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool) else str(value)
