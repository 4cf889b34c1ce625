"""The waiting room in front of a function: bounded in number and in time, with places that only readers take."""

import asyncio
import itertools
from collections import deque
from typing import TypeAlias, TypedDict

from shared.settings.sections import ApiSettings

_Room: TypeAlias = "deque[tuple[int, asyncio.Future[bool]]]"


class AdmissionStatus(TypedDict):
    """What `status` shows of the door before one function."""

    inside: int
    waiting: int
    shed: int


class Admission:
    """Lets in as many at a time as there are `places`, writers all but `reserved` of them; the oldest goes first.

    Readers and writers wait in rooms of their own, so that a flood of one does not turn the other away.
    """

    def __init__(
        self,
        places: int,
        *,
        reserved: int = 0,
        most_waiting: int = 64,
        longest_wait_s: float = 10.0,
    ) -> None:
        self._places = {True: places, False: max(1, places - reserved)}
        self._most_waiting = most_waiting
        self._longest_wait_s = longest_wait_s
        self._inside = {True: 0, False: 0}
        self._rooms: dict[bool, _Room] = {True: deque(), False: deque()}
        self._tickets = itertools.count()
        self._shed = 0

    async def enter(self, *, is_read: bool) -> bool:
        """Wait for a place, which `leave` gives back; False when too many wait, or it took too long."""
        if self._may_enter(is_read) and not self._rooms[is_read]:
            self._inside[is_read] += 1
            return True
        room = self._rooms[is_read]
        _forget_gone(room)
        if len(room) >= self._most_waiting:
            self._shed += 1
            return False
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        room.append((next(self._tickets), turn))
        late = loop.call_later(self._longest_wait_s, self._turn_away, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            # Called and gone at the same moment: the place goes to the next.
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave(is_read=is_read)
            raise
        finally:
            late.cancel()

    def leave(self, *, is_read: bool) -> None:
        """Give a place back, and call the next who may have it."""
        self._inside[is_read] -= 1
        while (next_kind := self._next_kind()) is not None:
            _, turn = self._rooms[next_kind].popleft()
            self._inside[next_kind] += 1
            turn.set_result(True)

    def describe(self) -> AdmissionStatus:
        return {
            "inside": sum(self._inside.values()),
            "waiting": sum(not turn.done() for room in self._rooms.values() for _, turn in room),
            "shed": self._shed,
        }

    def _may_enter(self, is_read: bool) -> bool:
        everybody = sum(self._inside.values())
        return everybody < self._places[True] and (is_read or self._inside[False] < self._places[False])

    def _next_kind(self) -> bool | None:
        """Readers or writers, whose oldest may enter and has waited longest; None when nobody may."""
        for room in self._rooms.values():
            _forget_gone(room)
        fitting = [kind for kind, room in self._rooms.items() if room and self._may_enter(kind)]
        return min(fitting, key=lambda kind: self._rooms[kind][0][0], default=None)

    def _turn_away(self, turn: "asyncio.Future[bool]") -> None:
        if not turn.done():
            self._shed += 1
            turn.set_result(False)


def _forget_gone(room: _Room) -> None:
    while room and room[0][1].done():
        room.popleft()


def admission(api: ApiSettings, places: int, *, reserved: int = 0) -> Admission:
    """The waiting room as the settings want it."""
    return Admission(places, reserved=reserved, most_waiting=api.max_waiting, longest_wait_s=api.max_wait_seconds)
