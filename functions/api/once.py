"""The header `Idempotency-Key`, and what stands in for it where a batch of messages comes without.

A route that writes names what it does and how the result is shown:

    return once.take(workspace_id, lambda note: verb(…, note=note), lambda made: answer(…), of="message")

The answer is made inside the transaction of the effect, with a key or without: what cannot be shown does not happen.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, TypeVar, cast

from fastapi import Depends, Header
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from functions.api.answers import check_deliverable
from functions.api.auth import Asking
from functions.api.deps import Backed
from shared.backends import Backends
from shared.domain.ids import is_name, new_id
from shared.domain.principal import Principal
from shared.domain.retry import Batch, KeptAnswer, KeyedRequest
from shared.memory import once as keyed
from shared.memory.note import Note
from shared.store.database import Connection

T = TypeVar("T")

REPLAYED: Final = "Idempotency-Replayed"
# What API Gateway waits for an answer.
_PATIENCE: Final = timedelta(seconds=29)
# Fields that name something, and what they name.
_NAMING: Final = {"session_id": "session", "peer_id": "peer", "observer_id": "peer", "observed_id": "peer"}

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same request gives the first answer again, for a day.",
    ),
]


class Taking:
    """How often one request takes effect: once with a key, once each time without.

    `is_bounded`: the answer goes through Lambda, which refuses large ones.
    """

    def __init__(
        self,
        backends: Backends,
        key: str | None = None,
        *,
        caller: str = "",
        fingerprint: str = "",
        token: str = "",
        is_bounded: bool = False,
    ) -> None:
        self._backends = backends
        self._caller, self._key = caller, key
        self._fingerprint, self._token = fingerprint, token
        self._is_bounded = is_bounded

    def take(self, workspace: str, do: Callable[[Note[T]], T], shown: Callable[[T], Response], *, of: str) -> Response:
        """The answer, shown of what `do` gives or of what it gave the first time; its items are each an `of`."""
        # Where nothing can be named like that nothing can come of it, and nothing needs a key.
        if self._key is None or not is_name(workspace):
            return self._done(do, shown, lambda conn, response: None, is_kept=False)
        request = KeyedRequest(workspace, self._caller, self._key, self._fingerprint, self._token)

        def keep(conn: Connection, response: Response) -> None:
            body = bytes(response.body).decode() or None
            keyed.keep(conn, request, KeptAnswer(response.status_code, body), mentions(body, of))

        given = keyed.once(self._backends, request, lambda: self._done(do, shown, keep, is_kept=True))
        return given if isinstance(given, Response) else _again(given, is_replay=given.token != self._token)

    def _done(
        self,
        do: Callable[[Note[T]], T],
        shown: Callable[[T], Response],
        keep: Callable[[Connection, Response], None],
        *,
        is_kept: bool,
    ) -> Response:
        answers: list[Response] = []

        def tell(conn: Connection, made: T) -> None:
            response = shown(made)
            if self._is_bounded:
                check_deliverable(response)
            keep(conn, response)
            answers.append(response)

        made = do(Note(tell, is_kept))
        # Without a key a verb may find that there is nothing to write, and then tells nobody.
        return answers[-1] if answers else shown(made)


def mentions(body: str | None, of: str) -> list[tuple[str, str]]:
    """The kinds and names of what an answer shows, so that it is found when one of them must be forgotten."""
    content: object = json.loads(body) if body else []
    items = cast(list[object], content) if isinstance(content, list) else [content]
    return sorted(
        {one for item in items if isinstance(item, dict) for one in _named(cast(dict[str, object], item), of)}
    )


def _named(item: Mapping[str, object], of: str) -> Iterator[tuple[str, str]]:
    for field, kind in {"id": of, **_NAMING}.items():
        name = item.get(field)
        if isinstance(name, str):
            yield kind, name


def _again(kept: KeptAnswer, *, is_replay: bool) -> Response:
    headers = {REPLAYED: "true"} if is_replay else None
    return Response(kept.body, kept.status, headers, media_type=None if kept.body is None else "application/json")


async def _taking(request: Request, backends: Backed, asking: Asking, key: IdempotencyKey = None) -> Taking:
    is_bounded = "aws.event" in request.scope
    if key is None:
        return Taking(backends, is_bounded=is_bounded)
    return Taking(
        backends,
        key,
        caller=caller(asking),
        fingerprint=await _fingerprint(request),
        token=_token(request),
        is_bounded=is_bounded,
    )


async def _unkeyed(request: Request, asking: Asking, workspace_id: str, session_id: str) -> Batch | None:
    if "idempotency-key" in request.headers:
        return None
    said = _hash(caller(asking).encode(), await request.body())
    return Batch(workspace_id, session_id, said, _token(request), _answer_by(request))


Once = Annotated[Taking, Depends(_taking)]
"""A handler's parameter: lets the request take effect once."""
Unkeyed = Annotated[Batch | None, Depends(_unkeyed)]
"""A handler's parameter: the batch as it can be recognised; None when a key does that better."""


def _token(request: Request) -> str:
    """One for the request, also when its route runs it again after a lost connection."""
    return cast(str, request.scope.setdefault("idempotency_token", new_id()))


def caller(asking: Principal) -> str:
    """Who asks, as a hash: keys with the same claims are the same caller."""
    claims = (asking.is_admin, asking.workspace, asking.peer, asking.session)
    return _hash(json.dumps(claims).encode())


async def _fingerprint(request: Request) -> str:
    """A hash of all that the request says; how its body is written down makes no difference."""
    target = [request.method, request.url.path.rstrip("/"), sorted(request.query_params.multi_items())]
    return _hash(json.dumps(target).encode(), await _content(request))


async def _content(request: Request) -> bytes:
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        # Each time it is sent its parts are divided by other words.
        fields = [(name, await _field(value)) for name, value in (await request.form()).multi_items()]
        return json.dumps(sorted(fields, key=lambda field: field[0])).encode()
    body = await request.body()
    try:
        return json.dumps(json.loads(body), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return body


async def _field(value: UploadFile | str) -> list[Any]:
    if isinstance(value, str):
        return [value]
    content = await value.read()
    await value.seek(0)
    return [value.filename, value.content_type, _hash(content)]


def _answer_by(request: Request) -> datetime | None:
    """When API Gateway gives up on us; it says when it began to wait."""
    event = cast(Mapping[str, Any], request.scope.get("aws.event") or {})
    began_ms = event.get("requestContext", {}).get("requestTimeEpoch")
    if not isinstance(began_ms, int):
        return None
    return datetime.fromtimestamp(began_ms / 1000, UTC) + _PATIENCE


def _hash(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()
