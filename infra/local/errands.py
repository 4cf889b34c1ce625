"""Batches of messages whose answer found nobody at the door: the next one in the very same words gets it.

Clients ask again when they waited too long, with nothing that says so. The door sees that a caller has hung up, and
that is enough to tell a retry from a second message: whoever was answered has not hung up. Kept in the memory of the
door, for two minutes. Requests with an `Idempotency-Key` need none of this.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from infra.local.rest_event import Answer, Request

KEPT_FOR_S = 120.0
MOST_BYTES = 32 * 1024 * 1024
REPLAYED = (b"idempotency-replayed", b"true")
_BATCH = re.compile(r"/workspaces/[^/]+/sessions/[^/]+/messages/?")
# What makes two requests the same one: who asks, and how the body is to be read.
_TELLING = (b"authorization", b"content-type")


class ErrandsStatus(TypedDict):
    """What `status` shows of answers that found nobody."""

    under_way: int
    awaited: int
    undelivered: int
    given_again: int


@dataclass(eq=False, slots=True)
class Errand:
    """One run of a batch. `caller_left` is done when whoever asked has hung up; no result for one that broke off."""

    batch: bytes
    caller_left: "asyncio.Future[None]"
    result: "asyncio.Future[Answer | None]"
    ended_at: float | None = None


class Errands:
    """The runs of batches that are under way, and those whose answer nobody took."""

    def __init__(self, now: Callable[[], float] = time.monotonic, *, most_bytes: int = MOST_BYTES) -> None:
        self._now = now
        self._most_bytes = most_bytes
        self._errands: dict[bytes, list[Errand]] = {}
        self._awaited = 0
        self._given_again = 0

    def begin(self, batch: bytes, caller_left: "asyncio.Future[None]") -> Errand:
        """A run that starts now, for a caller who is there; `end` ends it."""
        errand = Errand(batch, caller_left, asyncio.get_running_loop().create_future())
        self._errands.setdefault(batch, []).append(errand)
        return errand

    def take(self, batch: bytes) -> Errand | None:
        """An earlier run whose caller has left, perhaps one that is not done yet. Each is given once."""
        self._forget_old()
        errand = next((one for one in self._errands.get(batch, ()) if one.caller_left.done()), None)
        if errand is not None:
            self._drop(errand)
        return errand

    async def answer_of(self, taken: Errand) -> Answer | None:
        """What the earlier run was answered; None when that is nothing to be glad of, and the batch is to be run."""
        self._awaited += 1
        try:
            answer = await asyncio.shield(taken.result)
        finally:
            self._awaited -= 1
        if answer is None or not _is_success(answer):
            return None
        self._given_again += 1
        headers = [header for header in answer.headers if header[0].lower() != REPLAYED[0]]
        return Answer(answer.status, [*headers, REPLAYED], answer.body)

    def end(self, errand: Errand, answer: Answer | None) -> bool:
        """The run is done, or broke off without an answer; whether its caller is there to take it.

        Otherwise a success is kept for the next who asks the same, unless somebody waits for it already.
        """
        errand.result.set_result(answer)
        if not errand.caller_left.done() or answer is None or not _is_success(answer):
            self._drop(errand)
            return not errand.caller_left.done()
        errand.ended_at = self._now()
        self._forget_old()
        return False

    def describe(self) -> ErrandsStatus:
        every = [one for some in self._errands.values() for one in some]
        ended = sum(one.ended_at is not None for one in every)
        return {
            "under_way": len(every) - ended,
            "awaited": self._awaited,
            "undelivered": ended,
            "given_again": self._given_again,
        }

    def _drop(self, errand: Errand) -> None:
        some = self._errands.get(errand.batch, [])
        if errand in some:
            some.remove(errand)
        if not some:
            self._errands.pop(errand.batch, None)

    def _forget_old(self) -> None:
        """Those of more than two minutes ago; and the oldest, when all together are too much to keep."""
        ended = [one for some in self._errands.values() for one in some if one.ended_at is not None]
        ended.sort(key=lambda one: one.ended_at or 0.0, reverse=True)
        size = 0
        for errand in ended:
            answer = errand.result.result()
            size += 0 if answer is None else len(answer.body)
            if size > self._most_bytes or self._now() - (errand.ended_at or 0.0) > KEPT_FOR_S:
                self._drop(errand)


def batch_of(request: Request) -> bytes | None:
    """What a batch of messages is known by, byte for byte; None for other requests, and for those with a key."""
    if request.method != "POST" or _BATCH.fullmatch(request.path) is None:
        return None
    if any(name == b"idempotency-key" for name, _ in request.headers):
        return None
    digest = hashlib.sha256()
    headers = sorted((name, value) for name, value in request.headers if name in _TELLING)
    for part in (request.path.encode(), request.query, *(part for header in headers for part in header), request.body):
        digest.update(len(part).to_bytes(8) + part)
    return digest.digest()


def _is_success(answer: Answer) -> bool:
    return 200 <= answer.status < 300
