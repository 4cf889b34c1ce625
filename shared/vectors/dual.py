"""Two vector indexes kept alike while one takes the place of the other: both are written, the first is read."""

from collections.abc import Mapping, Sequence

from shared.domain.conclusion import Collection, Level
from shared.domain.vector import ConclusionVector, EmbeddingSpace, Hit, MessageVector, Vector
from shared.vectors.index import Listing, VectorIndex


class DualIndex(VectorIndex):
    """`main` is written first, so that it is whole for readers while `beside` is away.

    What fails beside fails as a whole: whoever wrote tries again, and nothing is lost by doing it twice.
    """

    def __init__(self, main: VectorIndex, beside: VectorIndex) -> None:
        self.main = main
        self.beside = beside

    def at(self, space: EmbeddingSpace) -> "DualIndex":
        return DualIndex(self.main.at(space), self.beside.at(space))

    def upsert_conclusions(self, records: Sequence[ConclusionVector]) -> None:
        self.main.upsert_conclusions(records)
        self.beside.upsert_conclusions(records)

    def upsert_messages(self, records: Sequence[MessageVector]) -> None:
        self.main.upsert_messages(records)
        self.beside.upsert_messages(records)

    def copy_conclusions(self, workspace: str, copies: Mapping[str, str], *, observer: str) -> list[str]:
        placed = self.main.copy_conclusions(workspace, copies, observer=observer)
        self.beside.upsert_conclusions(self.main.stored_conclusions(workspace, placed))
        return placed

    def delete_conclusions(self, workspace: str, ids: Sequence[str]) -> None:
        self.main.delete_conclusions(workspace, ids)
        self.beside.delete_conclusions(workspace, ids)

    def delete_messages(self, workspace: str, ids: Sequence[str]) -> None:
        self.main.delete_messages(workspace, ids)
        self.beside.delete_messages(workspace, ids)

    def delete_workspace(self, workspace: str, *, most: int) -> bool:
        # As long as there is more in the first, this is called again.
        return self.main.delete_workspace(workspace, most=most) or self.beside.delete_workspace(workspace, most=most)

    def clear(self, workspace: str, *, most: int) -> bool:
        return self.main.clear(workspace, most=most) or self.beside.clear(workspace, most=most)

    def conclusion_vectors(self, workspace: str, ids: Sequence[str]) -> dict[str, Vector]:
        return self.main.conclusion_vectors(workspace, ids)

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
        return self.main.nearest_conclusions(
            collection, vectors, k=k, max_distance=max_distance, levels=levels, sessions=sessions, among=among
        )

    def nearest_in_workspace(
        self,
        workspace: str,
        vector: Vector,
        *,
        k: int,
        levels: Sequence[Level] | None = None,
        sessions: Sequence[str] | None = None,
    ) -> list[Hit]:
        return self.main.nearest_in_workspace(workspace, vector, k=k, levels=levels, sessions=sessions)

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
        return self.main.nearest_messages(workspace, vector, k=k, sessions=sessions, peer=peer, among=among)

    def stored_conclusions(self, workspace: str, ids: Sequence[str]) -> list[ConclusionVector]:
        return self.main.stored_conclusions(workspace, ids)

    def stored_messages(self, workspace: str, ids: Sequence[str]) -> list[MessageVector]:
        return self.main.stored_messages(workspace, ids)

    def held_conclusions(self, workspace: str, ids: Sequence[str]) -> set[str]:
        return self.main.held_conclusions(workspace, ids)

    def held_messages(self, workspace: str, ids: Sequence[str]) -> set[str]:
        return self.main.held_messages(workspace, ids)

    def listed_conclusions(self, workspace: str, *, after: str, most: int) -> Listing:
        return self.main.listed_conclusions(workspace, after=after, most=most)

    def listed_messages(self, workspace: str, *, after: str, most: int) -> Listing:
        return self.main.listed_messages(workspace, after=after, most=most)
