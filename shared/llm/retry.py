"""Trying again: a chat model around another one, with a pace and a backup."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Final, TypeVar

from shared.domain.errors import AnswerDeclined, ModelRefused, ModelUnavailable
from shared.llm.provider import ChatModel
from shared.llm.types import Completion, Delta, Reply
from shared.telemetry.logs import logger

T = TypeVar("T")

DEFAULT_TIMEOUT_S: Final = 120.0
# The backup must have time left to answer when the first model hangs.
_BACKUP_SHARE: Final = 1 / 3
_WARMED: Final = 0.2


@dataclass(frozen=True, slots=True)
class Pace:
    """How often something is tried and how long is waited in between."""

    attempts: int = 3
    first_wait_s: float = 0.5
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    def wait_s(self, failed: int, error: ModelUnavailable) -> float:
        """Seconds before the next attempt: what the provider asks for, else doubling, shortened by up to a half."""
        if error.retry_after_s is not None:
            return error.retry_after_s
        return self.first_wait_s * 2 ** (failed - 1) * (1 - self.jitter() / 2)

    def left_s(self, ends: float) -> float:
        """Seconds until `ends`, never none: zero would mean no timeout at all to some."""
        return max(ends - self.now(), 0.001)


def patiently(call: Callable[[float], T], *, name: str, pace: Pace, attempts: int, ends: float) -> T:
    """The first result of `call`, which is given the seconds left until `ends`.

    Raises the last `ModelUnavailable` when the attempts are used up or the next wait would not fit.
    """
    failed = 0
    while True:
        try:
            return call(pace.left_s(ends))
        except ModelUnavailable as error:
            failed += 1
            wait_s = pace.wait_s(failed, error)
            if failed >= attempts or pace.now() + wait_s >= ends:
                raise
            logger.warning("model_retried", model=name, attempt=failed, wait_s=round(wait_s, 2), error=str(error))
        pace.sleep(wait_s)


def _warmed(temperature: float | None) -> float | None:
    # At zero a model that gave an empty answer gives it again.
    return _WARMED if temperature == 0 else temperature


class Retrying:
    """A chat model that is tried again while its trouble may pass; the last attempt is the backup's.

    A refused request goes to the backup at once, and so does one whose answer is declined. All attempts share the
    request's timeout.
    """

    def __init__(self, model: ChatModel, backup: ChatModel | None = None, pace: Pace | None = None) -> None:
        self.model = model
        self._backup = backup
        self._pace = pace or Pace()

    @property
    def name(self) -> str:
        return self.model.name

    def around(self, wrap: Callable[[ChatModel], ChatModel]) -> "Retrying":
        """The same with `wrap` around the models that are asked."""
        return Retrying(wrap(self.model), self._backup and wrap(self._backup), self._pace)

    def complete(self, request: Completion) -> Reply:
        return self._try(request, self._complete)

    def stream(self, request: Completion) -> Iterator[Delta]:
        """As `complete`, but once a piece was handed out, an error ends the stream."""
        first, rest = self._try(request, self._begin)
        yield first
        yield from rest

    def _try(self, request: Completion, call: Callable[[ChatModel, Completion], T]) -> T:
        pace, backup = self._pace, self._backup
        budget_s = request.timeout_s or DEFAULT_TIMEOUT_S
        ends = pace.now() + budget_s

        attempts = count()

        def ask(model: ChatModel, left_s: float) -> T:
            is_first = next(attempts) == 0
            temperature = request.temperature if is_first else _warmed(request.temperature)
            return call(model, replace(request, timeout_s=left_s, temperature=temperature))

        if backup is None:
            return patiently(
                lambda left_s: ask(self.model, left_s), name=self.name, pace=pace, attempts=pace.attempts, ends=ends
            )
        try:
            return patiently(
                lambda left_s: ask(self.model, left_s),
                name=self.name,
                pace=pace,
                attempts=max(1, pace.attempts - 1),
                ends=ends - budget_s * _BACKUP_SHARE,
            )
        except (ModelUnavailable, ModelRefused) as error:
            logger.warning("model_backup_asked", model=self.name, backup=backup.name, error=str(error))
        return ask(backup, pace.left_s(ends))

    def _complete(self, model: ChatModel, request: Completion) -> Reply:
        reply = model.complete(request)
        self._see_declined(model, reply)
        return reply

    def _begin(self, model: ChatModel, request: Completion) -> tuple[Delta, Iterator[Delta]]:
        deltas = model.stream(request)
        first = next(deltas, None)
        if first is None:
            raise ModelUnavailable(f"{model.name} streamed nothing")
        self._see_declined(model, first)
        return first, deltas

    def _see_declined(self, model: ChatModel, answer: Delta) -> None:
        """Raise `AnswerDeclined` where another model is left to be asked; else the answer says it by itself."""
        is_declined = isinstance(answer, Reply) and answer.finish == "refusal" and not answer.tool_calls
        if is_declined and self._backup is not None and model is not self._backup:
            raise AnswerDeclined(f"{model.name} declined to answer")
