"""Processes that end at a chosen moment, and backends that fail after a commit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared.domain.vector import ConclusionVector
from shared.domain.work import WakeUp
from shared.vectors.pg import PgIndex
from tests.support.backends import RecordingQueue


class Died(BaseException):
    """The process ended here: nothing of it runs any more, not even what handles errors."""


@dataclass
class FailingQueue(RecordingQueue):
    """Does `then` in place of the next sends, which come right after a commit; afterwards it works again."""

    then: Callable[[], object] = lambda: None
    times: int = 1
    failures: int = field(default=0, init=False)

    def send(self, wake_ups: Sequence[WakeUp]) -> list[WakeUp]:
        if self.failures < self.times:
            self.failures += 1
            self.then()
        return super().send(wake_ups)


class FailingIndex(PgIndex):
    """Raises `error` instead of taking the vectors of conclusions."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def upsert_conclusions(self, records: Sequence[ConclusionVector]) -> None:
        raise self._error


def raises(error: BaseException) -> Callable[[], object]:
    def fail() -> None:
        raise error

    return fail
