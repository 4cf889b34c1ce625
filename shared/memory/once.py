"""Doing what a request with an `Idempotency-Key` asks once, however often it comes."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from shared.backends import Backends
from shared.domain.errors import DatabaseUnavailable, KeyReused, StillRunning
from shared.domain.retry import LONGEST_RUN, KeptAnswer, KeyedRequest
from shared.store import idempotency
from shared.store.database import Connection
from shared.telemetry.logs import logger

T = TypeVar("T")

_MOST_LOOKS = 3


class KeyTaken(Exception):
    """The key is no longer this run's to answer; whatever its transaction did is undone."""


def once(backends: Backends, request: KeyedRequest, do: Callable[[], T]) -> T | KeptAnswer:
    """What `do` gives, or the answer that an earlier request with the key was given.

    `do` calls `keep` in the transaction of its effect. Raises `KeyReused` for another request with the key,
    `StillRunning` while the first one is under way, and what `do` raises: then the key is free again.
    """
    kept = _claimed(backends, request)
    if kept is not None:
        return kept
    try:
        return do()
    except KeyTaken:
        # Ours, when the COMMIT of a first try was on its way while the second began; otherwise whoever took over.
        return _found(backends, request)
    except Exception:
        _release(backends, request)
        raise


def keep(conn: Connection, request: KeyedRequest, kept: KeptAnswer, mentions: list[tuple[str, str]]) -> None:
    """Write the answer, last in the transaction of the effect. Raises `KeyTaken`."""
    if not idempotency.answer(conn, request, kept, mentions):
        raise KeyTaken


def _claimed(backends: Backends, request: KeyedRequest) -> KeptAnswer | None:
    """The answer there is; None when the key is now ours. Raises as `once`."""
    for _ in range(_MOST_LOOKS):
        if backends.db.run(lambda conn: _claim(backends, conn, request)):
            return None
        try:
            return _found(backends, request)
        except _Free:
            # Its holder let go between our two looks.
            continue
    raise StillRunning


class _Free(StillRunning):
    """Nobody holds the key."""


def _claim(backends: Backends, conn: Connection, request: KeyedRequest) -> bool:
    now = backends.clock.now()
    expires_at = now + timedelta(hours=backends.settings.app.idempotency_key_hours)
    return idempotency.claim(conn, request, now=now, lease_until=now + LONGEST_RUN, expires_at=expires_at)


def _found(backends: Backends, request: KeyedRequest) -> KeptAnswer:
    found = backends.db.run(lambda conn: idempotency.find(conn, request))
    if found is None:
        raise _Free
    fingerprint, kept = found
    if fingerprint != request.fingerprint:
        raise KeyReused
    if kept is None:
        raise StillRunning
    return kept


def _release(backends: Backends, request: KeyedRequest) -> None:
    try:
        backends.db.run(lambda conn: idempotency.release(conn, request))
    except DatabaseUnavailable:
        # The lease runs out by itself.
        logger.warning("key_not_released")
