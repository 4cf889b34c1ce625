"""What may be cached: rows of Postgres as JSON, by workspace, kind and name."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from shared.domain.json import JsonObject

Kind = Literal["workspace", "peer", "session"]


@dataclass(frozen=True, slots=True)
class Row:
    """Names one row of one workspace."""

    workspace: str
    kind: Kind
    name: str


class Cache(Protocol):
    """Rows read through, and taken out by whoever changes them. Nothing here raises because a cache is away."""

    def read(self, row: Row, load: Callable[[], JsonObject | None]) -> JsonObject | None:
        """The row as it is cached, or as `load` reads it, which is then kept; None is not kept."""
        ...

    def changing(self, row: Row) -> AbstractContextManager[None]:
        """Around the transaction that changes `row`: what is cached goes, and nothing read meanwhile is kept."""
        ...

    def leaving(self, workspace: str) -> AbstractContextManager[None]:
        """As `changing`, for all rows of a workspace."""
        ...


class NoCache:
    """Off: each read goes to Postgres, and there is nothing to take out."""

    def read(self, row: Row, load: Callable[[], JsonObject | None]) -> JsonObject | None:
        return load()

    @contextmanager
    def changing(self, row: Row) -> Generator[None]:
        yield

    @contextmanager
    def leaving(self, workspace: str) -> Generator[None]:
        yield


NO_CACHE = NoCache()
