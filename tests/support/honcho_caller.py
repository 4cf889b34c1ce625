"""The published SDK called by the names of its methods, once as it is and once through its asynchronous twin."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from honcho import Honcho
from honcho.message import Message
from honcho.peer import Peer
from honcho.session import Session


class Caller(Protocol):
    """Calls `name` of an object of the SDK. Pages come as the list of all their items, streams as what they gave."""

    def __call__(self, owner: object, name: str, *args: object, **named: object) -> Any: ...


class Sync:
    """Calls methods as they are."""

    def __call__(self, owner: object, name: str, *args: object, **named: object) -> Any:
        result: Any = getattr(owner, name)(*args, **named)
        return list(cast(Iterator[object], result)) if _is_many(result, "__iter__") else result


class Aio:
    """Calls the same methods below `.aio`, all in one event loop; what the twin lacks is local and called as it is."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def __call__(self, owner: object, name: str, *args: object, **named: object) -> Any:
        twin: Any = getattr(owner, "aio", None)
        method = getattr(twin, name, None)
        if method is None:
            return getattr(owner, name)(*args, **named)
        return self._runner.run(_awaited(method, args, named))


async def _awaited(method: Callable[..., Any], args: tuple[object, ...], named: dict[str, object]) -> Any:
    result = await method(*args, **named)
    if not _is_many(result, "__aiter__"):
        return result
    return [item async for item in cast(AsyncIterator[object], result)]


def _is_many(result: object, marker: str) -> bool:
    return hasattr(result, marker) and type(result).__name__ in (
        "SyncPage",
        "AsyncPage",
        "DialecticStreamResponse",
        "AsyncDialecticStreamResponse",
    )


@dataclass
class World:
    """A workspace in which something was said and has been read; what a case makes gets a name of its own."""

    call: Caller
    honcho: Honcho
    base_url: str
    dsn: str
    alice: Peer
    tutor: Peer
    session: Session
    said: list[Message]
    _made: dict[str, int] = field(default_factory=dict[str, int])

    def name(self, kind: str) -> str:
        self._made[kind] = self._made.get(kind, 0) + 1
        return f"{kind}-{self._made[kind]}"

    def peer(self) -> Peer:
        return self.honcho.peer(self.name("peer"))

    def new_session(self) -> Session:
        return self.honcho.session(self.name("session"))

    def elsewhere(self) -> Honcho:
        """A client of another workspace, for what changes a workspace as a whole."""
        return Honcho(workspace_id=f"{self.honcho.workspace_id}-{self.name('other')}", base_url=self.base_url)


Case = Callable[[World], None]
METHODS: dict[str, Case] = {}


def covers(*names: str) -> Callable[[Case], Case]:
    """Says which methods of the SDK a case calls and looks at, as `Class.method`."""

    def note(case: Case) -> Case:
        METHODS.update(dict.fromkeys(names, case))
        return case

    return note
