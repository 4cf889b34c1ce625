"""What the tools of the memory work on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from shared.backends import Backends
from shared.domain.conclusion import Collection, Conclusion
from shared.domain.vector import Vector
from shared.memory.recall import recall, recall_by_vector, recall_of_all
from shared.store import members


class Memory(Protocol):
    """What is searched. `shown` are the ids of conclusions the model has before it for good."""

    @property
    def backends(self) -> Backends: ...

    @property
    def workspace(self) -> str: ...

    @property
    def shown(self) -> frozenset[str]: ...

    @property
    def is_of_all(self) -> bool:
        """Whether conclusions may be about any peer, so that each must say whom it is about."""
        ...

    def recalled(self, query: str, k: int) -> list[Conclusion]:
        """The `k` conclusions nearest to `query`."""
        ...

    def message_sessions(self) -> list[str] | None:
        """The sessions whose messages may be read; None for all, an empty list for none."""
        ...


@dataclass(frozen=True, slots=True)
class ToolContext:
    """Whose memory is read, and which part of it.

    `session` pins the messages to one session; `sessions` is the list a caller is limited to, None when it is
    not. `shown` are the ids of conclusions the model has before it for good; `vectors` are those of queries
    that were embedded already.
    """

    backends: Backends
    collection: Collection
    session: str | None = None
    sessions: tuple[str, ...] | None = None
    shown: frozenset[str] = frozenset()
    vectors: Mapping[str, Vector] = field(default_factory=dict[str, Vector])

    @property
    def workspace(self) -> str:
        return self.collection.workspace

    @property
    def is_of_all(self) -> bool:
        return False

    def recalled(self, query: str, k: int) -> list[Conclusion]:
        vector = self.vectors.get(query)
        if vector is None:
            return recall(self.backends, self.collection, query, k=k, sessions=self.sessions)
        return recall_by_vector(self.backends, self.collection, vector, k=k, sessions=self.sessions)

    def message_sessions(self) -> list[str]:
        """The sessions whose messages may be read: none at all when the restrictions exclude each other."""
        if self.session is not None:
            visible = [self.session]
        else:
            with self.backends.db.reading() as conn:
                visible = members.sessions_of(conn, self.collection.workspace, self.collection.observer)
        return visible if self.sessions is None else [session for session in visible if session in self.sessions]


@dataclass(frozen=True, slots=True)
class WorkspaceContext:
    """The memory of a whole workspace, or of some of its `sessions`; the rest as in `ToolContext`."""

    backends: Backends
    workspace: str
    sessions: tuple[str, ...] | None = None
    shown: frozenset[str] = frozenset()
    vectors: Mapping[str, Vector] = field(default_factory=dict[str, Vector])

    @property
    def is_of_all(self) -> bool:
        return True

    def recalled(self, query: str, k: int) -> list[Conclusion]:
        vector = self.vectors.get(query)
        if vector is None:
            [vector] = self.backends.models.embedder().embed([query])
        return recall_of_all(self.backends, self.workspace, vector, k=k, sessions=self.sessions)

    def message_sessions(self) -> list[str] | None:
        return None if self.sessions is None else list(self.sessions)


def clamped(default: int, most: int) -> Callable[[object], int]:
    """A reader of counts: `default` instead of what is no number, 1 to `most` for the rest.

    A turn is worth more than a rebuke: models ask for "all" or for a thousand, and mean "many".
    """

    def read(given: object) -> int:
        try:
            number = int(given) if isinstance(given, str | int | float) else default
        except (ValueError, OverflowError):
            number = default
        return min(max(number, 1), most)

    return read
