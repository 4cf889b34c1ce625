"""What was sent or received lately: the five-minute memories of a FIFO queue."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

WINDOW_S = 300.0

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class RecentMemory(Generic[K, V]):
    """Values remembered for five minutes after they were put; a second look does not extend that.

    It knows nothing of messages, so deleting one does not make its identifier free again, as in the real service.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K, now: float) -> V | None:
        self._forget_old(now)
        entry = self._entries.get(key)
        return None if entry is None else entry[1]

    def put(self, key: K, value: V, now: float) -> None:
        self._entries.pop(key, None)
        self._entries[key] = (now, value)

    def _forget_old(self, now: float) -> None:
        # Entries stand in the order of their time, so only the front can be too old.
        while self._entries:
            put_at, _ = next(iter(self._entries.values()))
            if put_at + WINDOW_S > now:
                return
            self._entries.popitem(last=False)
