"""What the database said a moment ago, so that not each request has to look."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """What a look gave, believed for `believed_s` seconds from when it began.

    Nobody waits for somebody else's look: while the database hangs, each would wait for all who came before.
    """

    def __init__(self, believed_s: float) -> None:
        self._believed_s = believed_s
        self._lock = threading.Lock()
        self._known: tuple[float, T] | None = None
        self._times_forgotten = 0

    def value(self, look: Callable[[], T]) -> T:
        """What is remembered, else what `look` gives."""
        with self._lock:
            if self._known is not None and monotonic() - self._known[0] < self._believed_s:
                return self._known[1]
            times_forgotten = self._times_forgotten
        began = monotonic()
        found = look()
        with self._lock:
            # What was changed here since it began may be missing from it; somebody else may know better by now.
            is_newest = self._known is None or self._known[0] < began
            if times_forgotten == self._times_forgotten and is_newest:
                self._known = (began, found)
        return found

    def forget(self) -> None:
        """Look again the next time: something was changed here."""
        with self._lock:
            self._known = None
            self._times_forgotten += 1
