"""What the tools of the memory work on, and how far they reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from shared.backends import Backends
from shared.domain.conclusion import Collection, Conclusion
from shared.domain.ids import is_scope
from shared.domain.vector import Vector
from shared.memory import recall
from shared.reasoning.toolkit import Refused, Rephrase
from shared.store import cards, conclusions, members

_MOST_RESTING = 20


class Memory(Protocol):
    """What is read, and nothing beside it.

    `shown` are the ids of conclusions the model has before it for good; `seen` are all it was shown so far, which
    it may name by the beginning of their ids.
    """

    @property
    def backends(self) -> Backends: ...

    @property
    def workspace(self) -> str: ...

    @property
    def session(self) -> str | None:
        """The session that the question is put in, if any."""
        ...

    @property
    def sessions(self) -> tuple[str, ...] | None:
        """The sessions the caller is limited to, None when it is not."""
        ...

    @property
    def shown(self) -> frozenset[str]: ...

    @property
    def seen(self) -> dict[str, Conclusion]: ...

    @property
    def shows_ids(self) -> bool:
        """Whether there is a tool that takes ids, so that it is worth showing them."""
        ...

    @property
    def uses_cards(self) -> bool:
        """Whether cards may be read at all."""
        ...

    @property
    def is_of_all(self) -> bool:
        """Whether conclusions may be about any peer, so that each must say whom it is about."""
        ...

    def recalled(self, query: str, k: int) -> list[Conclusion]:
        """The `k` conclusions nearest to `query`."""
        ...

    def newest(self, k: int, *, session: str | None = None) -> list[Conclusion]:
        """The `k` newest conclusions, with `session` the explicit ones of it."""
        ...

    def most_derived(self, k: int) -> list[Conclusion]:
        """The `k` conclusions that were derived most often."""
        ...

    def readable(self, ids: Sequence[str]) -> list[Conclusion]:
        """Those of the conclusions `ids` that may be read, in this order."""
        ...

    def resting_on(self, ids: Sequence[str]) -> list[Conclusion]:
        """The readable conclusions that name one of `ids` as a source, newest first."""
        ...

    def message_sessions(self) -> list[str] | None:
        """The sessions whose messages may be read; None for all, an empty list for none."""
        ...

    def card(self, peer: str) -> tuple[str, ...] | None:
        """The lines of the card of `peer`, "" for whom the question is about; None where there is none.

        Raises `Refused` or `Rephrase`.
        """
        ...


@dataclass(frozen=True, slots=True)
class ToolContext:
    """Whose memory is read, and which part of it.

    `session` pins the messages to one session; `sessions` is the list a caller is limited to, None when it is
    not. `vectors` are those of queries that were embedded already.
    """

    backends: Backends
    collection: Collection
    session: str | None = None
    sessions: tuple[str, ...] | None = None
    shown: frozenset[str] = frozenset()
    vectors: Mapping[str, Vector] = field(default_factory=dict[str, Vector])
    seen: dict[str, Conclusion] = field(default_factory=dict[str, Conclusion])
    shows_ids: bool = True
    uses_cards: bool = True

    @property
    def workspace(self) -> str:
        return self.collection.workspace

    @property
    def is_of_all(self) -> bool:
        return False

    def recalled(self, query: str, k: int) -> list[Conclusion]:
        vector = self.vectors.get(query) or recall.vector_of(self.backends, self.workspace, query)
        return recall.recall(self.backends, self.collection, query, vector, k=k, sessions=self.sessions)

    def newest(self, k: int, *, session: str | None = None) -> list[Conclusion]:
        with self.backends.db.reading() as conn:
            return conclusions.newest(conn, self.collection, most=k, sessions=_narrowed(self.sessions, session))

    def most_derived(self, k: int) -> list[Conclusion]:
        with self.backends.db.reading() as conn:
            return conclusions.most_derived(conn, self.collection, most=k, sessions=self.sessions)

    def readable(self, ids: Sequence[str]) -> list[Conclusion]:
        return [one for one in _found(self, ids) if self._reaches(one)]

    def resting_on(self, ids: Sequence[str]) -> list[Conclusion]:
        return [one for one in _resting(self, ids, self.collection) if self._reaches(one)]

    def message_sessions(self) -> list[str]:
        """The sessions whose messages may be read: none at all when the restrictions exclude each other."""
        if self.session is not None:
            visible = [self.session]
        else:
            with self.backends.db.reading() as conn:
                visible = members.sessions_of(conn, self.collection.workspace, self.collection.observer)
        return visible if self.sessions is None else [session for session in visible if session in self.sessions]

    def card(self, peer: str) -> tuple[str, ...] | None:
        observer, observed = self.collection.observer, peer or self.collection.observed
        if observed not in (observer, self.collection.observed):
            raise Refused(f"Only the cards of {self.collection.observed} and of who asks can be read.")
        return _card(self, Collection(self.workspace, observer, observed))

    def _reaches(self, one: Conclusion) -> bool:
        return Collection(one.workspace, one.observer, one.observed) == self.collection and _is_in(self.sessions, one)


@dataclass(frozen=True, slots=True)
class WorkspaceContext:
    """The memory of a whole workspace, or of some of its `sessions`; the rest as in `ToolContext`."""

    backends: Backends
    workspace: str
    session: str | None = None
    sessions: tuple[str, ...] | None = None
    shown: frozenset[str] = frozenset()
    vectors: Mapping[str, Vector] = field(default_factory=dict[str, Vector])
    seen: dict[str, Conclusion] = field(default_factory=dict[str, Conclusion])
    shows_ids: bool = True
    uses_cards: bool = True

    @property
    def is_of_all(self) -> bool:
        return True

    def recalled(self, query: str, k: int) -> list[Conclusion]:
        vector = self.vectors.get(query) or recall.vector_of(self.backends, self.workspace, query)
        return recall.recall_of_all(self.backends, self.workspace, query, vector, k=k, sessions=self.sessions)

    def newest(self, k: int, *, session: str | None = None) -> list[Conclusion]:
        sessions = _narrowed(self.sessions, session)
        return recall.newest_of_all(self.backends, self.workspace, k=k, sessions=sessions)

    def most_derived(self, k: int) -> list[Conclusion]:
        """Nothing: how often each peer's facts were derived says nothing across peers."""
        return []

    def readable(self, ids: Sequence[str]) -> list[Conclusion]:
        return [one for one in _found(self, ids) if self._reaches(one)]

    def resting_on(self, ids: Sequence[str]) -> list[Conclusion]:
        return [one for one in _resting(self, ids, None) if self._reaches(one)]

    def message_sessions(self) -> list[str] | None:
        return None if self.sessions is None else list(self.sessions)

    def card(self, peer: str) -> tuple[str, ...] | None:
        if not peer:
            raise Rephrase("Name the peer whose card is wanted.")
        return _card(self, Collection(self.workspace, peer, peer))

    def _reaches(self, one: Conclusion) -> bool:
        return one.workspace == self.workspace and not is_scope(one.observer) and _is_in(self.sessions, one)


_Context = ToolContext | WorkspaceContext


def _found(context: _Context, ids: Sequence[str]) -> list[Conclusion]:
    if not ids:
        return []
    with context.backends.db.reading() as conn:
        rows = conclusions.by_ids(conn, context.workspace, ids)
    return [rows[one] for one in dict.fromkeys(ids) if one in rows]


def _resting(context: _Context, ids: Sequence[str], collection: Collection | None) -> list[Conclusion]:
    read = partial(conclusions.resting_on, collection=collection, most=_MOST_RESTING)
    with context.backends.db.reading() as conn:
        return read(conn, context.workspace, ids)


def _card(context: _Context, of: Collection) -> tuple[str, ...] | None:
    # Cards are made from all sessions: under a list of sessions they would tell about the others.
    if context.sessions is not None or not context.uses_cards:
        raise Refused("Cards cannot be read for this question.")
    with context.backends.db.reading() as conn:
        return cards.get(conn, of)


def _is_in(sessions: Sequence[str] | None, one: Conclusion) -> bool:
    """Whether a list of sessions lets a conclusion be read: derived ones rest on several sessions."""
    return sessions is None or (one.level == "explicit" and one.session in sessions)


def _narrowed(sessions: Sequence[str] | None, session: str | None) -> list[str] | None:
    if session is None:
        return None if sessions is None else list(sessions)
    return [session] if sessions is None or session in sessions else []
