"""The vector index as the memory sees it: conclusions and messages by meaning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.conclusion import Collection, Level
from shared.domain.vector import ConclusionVector, EmbeddingSpace, Hit, MessageVector, Vector


@dataclass(frozen=True, slots=True)
class Listing:
    """Some of the ids that an index holds, and where the next ones begin; None after the last."""

    ids: list[str]
    after: str | None


class VectorIndex(Protocol):
    """Upserts are idempotent by id. Every call may raise `IndexUnavailable`; nothing found is an empty list."""

    def at(self, space: EmbeddingSpace) -> "VectorIndex":
        """The same index in that space, whose tables are there already."""
        ...

    def upsert_conclusions(self, records: Sequence[ConclusionVector]) -> None: ...

    def upsert_messages(self, records: Sequence[MessageVector]) -> None: ...

    def copy_conclusions(self, workspace: str, copies: Mapping[str, str], *, observer: str) -> list[str]:
        """Give each new id of `copies` the vector of the conclusion it is a copy of, as `observer`'s.

        Gives the ids that have one now: an original may be without.
        """
        ...

    def conclusion_vectors(self, workspace: str, ids: Sequence[str]) -> dict[str, Vector]:
        """The vectors of those of `ids` that have one."""
        ...

    def delete_conclusions(self, workspace: str, ids: Sequence[str]) -> None: ...

    def delete_messages(self, workspace: str, ids: Sequence[str]) -> None:
        """Take out every piece of these messages."""
        ...

    def delete_workspace(self, workspace: str, *, most: int) -> bool:
        """Take out at most `most` vectors of the workspace, from every space; True when there may be more."""
        ...

    def clear(self, workspace: str, *, most: int) -> bool:
        """The same from this space alone."""
        ...

    def nearest_conclusions(
        self,
        collection: Collection,
        vectors: Sequence[Vector],
        *,
        k: int,
        max_distance: float | None = None,
        levels: Sequence[Level] | None = None,
        sessions: Sequence[str] | None = None,
        among: Sequence[str] | None = None,
    ) -> list[list[Hit]]:
        """For each vector the `k` nearest conclusions of the collection, nearest first.

        `sessions` None does not restrict, an empty list matches nothing; so do the ids `among` which they are.
        """
        ...

    def nearest_in_workspace(
        self,
        workspace: str,
        vector: Vector,
        *,
        k: int,
        levels: Sequence[Level] | None = None,
        sessions: Sequence[str] | None = None,
    ) -> list[Hit]:
        """The `k` nearest conclusions of all peers, nearest first; those of scopes, which are copies, left out."""
        ...

    def nearest_messages(
        self,
        workspace: str,
        vector: Vector,
        *,
        k: int,
        sessions: Sequence[str] | None = None,
        peer: str | None = None,
        among: Sequence[str] | None = None,
    ) -> list[Hit]:
        """The `k` nearest messages, each once, nearest first; with `among` only those of these ids."""
        ...

    def stored_conclusions(self, workspace: str, ids: Sequence[str]) -> list[ConclusionVector]:
        """What is held of these conclusions, in no particular order."""
        ...

    def stored_messages(self, workspace: str, ids: Sequence[str]) -> list[MessageVector]:
        """Every piece that is held of these messages, in no particular order."""
        ...

    def held_conclusions(self, workspace: str, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that have a vector."""
        ...

    def held_messages(self, workspace: str, ids: Sequence[str]) -> set[str]:
        """Those of `ids` of which any piece has a vector."""
        ...

    def listed_conclusions(self, workspace: str, *, after: str, most: int) -> Listing:
        """About `most` of all that are held, in the index's own order; the first ones after ''."""
        ...

    def listed_messages(self, workspace: str, *, after: str, most: int) -> Listing:
        """The same of messages; one may come again in the next listing."""
        ...
