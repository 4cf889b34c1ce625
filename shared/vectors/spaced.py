"""The vector index of workspaces that each have a space of their own, and two while they change it."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Protocol, TypeVar

from shared.domain.conclusion import Collection, Level
from shared.domain.errors import (
    BudgetExhausted,
    IndexRefused,
    IndexUnavailable,
    ModelRefused,
    ModelUnavailable,
)
from shared.domain.vector import ConclusionVector, EmbeddingSpace, Hit, MessageVector, Placed, Vector, space_of
from shared.store import space_choices
from shared.store.database import Database
from shared.store.known_spaces import KnownSpaces
from shared.telemetry.logs import logger
from shared.vectors.index import Listing, VectorIndex

R = TypeVar("R", ConclusionVector, MessageVector)


class Translator(Protocol):
    """Makes the vectors of another space."""

    def embed(self, space: EmbeddingSpace, texts: Sequence[str]) -> list[Vector]:
        """Raises as an embedder does."""
        ...

    def fits(self, space: EmbeddingSpace, text: str) -> bool:
        """Whether that space's model reads `text` to its end."""
        ...


class SpacedIndex(VectorIndex):
    """`index` in the space that each workspace has: see `store.space_choices` for why nothing is lost on the way.

    A vector is searched and kept in the space it says. What is kept for a workspace that has two is made for the
    other one, too; where that fails it is only noted, so that the space that is read never suffers from it.
    """

    def __init__(
        self,
        db: Database,
        known: KnownSpaces,
        index: VectorIndex,
        usual: Callable[[], EmbeddingSpace],
        translator: Translator,
    ) -> None:
        self._db = db
        self._known = known
        self._index = index
        self._usual = usual
        self._translator = translator

    def translating(self, translator: Translator) -> "SpacedIndex":
        """The same with another one, such as one that is metered."""
        other = copy(self)
        other._translator = translator
        return other

    def at(self, space: EmbeddingSpace) -> VectorIndex:
        return self._index if space == self._usual() else self._index.at(space)

    def clear(self, workspace: str, *, most: int) -> bool:
        return self._of(workspace).clear(workspace, most=most)

    def upsert_conclusions(self, records: Sequence[ConclusionVector]) -> None:
        self._upsert(records, lambda index, some: index.upsert_conclusions(some))

    def upsert_messages(self, records: Sequence[MessageVector]) -> None:
        self._upsert(records, lambda index, some: index.upsert_messages(some))

    def copy_conclusions(self, workspace: str, copies: Mapping[str, str], *, observer: str) -> list[str]:
        first = self._read(workspace)
        placed = self.at(first).copy_conclusions(workspace, copies, observer=observer)
        read, beside = self._in_force(workspace)
        if read != first:
            placed = self.at(read).copy_conclusions(workspace, copies, observer=observer)
        if beside is not None and not self._is_copied(workspace, beside, copies, observer, set(placed)):
            self._lapsed(workspace, beside)
        return placed

    def conclusion_vectors(self, workspace: str, ids: Sequence[str]) -> dict[str, Vector]:
        space = self._read(workspace)
        found = self.at(space).conclusion_vectors(workspace, ids)
        return {identifier: Placed(vector, space) for identifier, vector in found.items()}

    def delete_conclusions(self, workspace: str, ids: Sequence[str]) -> None:
        self._index.delete_conclusions(workspace, ids)

    def delete_messages(self, workspace: str, ids: Sequence[str]) -> None:
        self._index.delete_messages(workspace, ids)

    def delete_workspace(self, workspace: str, *, most: int) -> bool:
        return self._index.delete_workspace(workspace, most=most)

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
        if not vectors:
            return []
        return self._near(collection.workspace, vectors[0]).nearest_conclusions(
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
        index = self._near(workspace, vector)
        return index.nearest_in_workspace(workspace, vector, k=k, levels=levels, sessions=sessions)

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
        index = self._near(workspace, vector)
        return index.nearest_messages(workspace, vector, k=k, sessions=sessions, peer=peer, among=among)

    def stored_conclusions(self, workspace: str, ids: Sequence[str]) -> list[ConclusionVector]:
        space = self._read(workspace)
        found = self.at(space).stored_conclusions(workspace, ids)
        return [replace(one, vector=Placed(one.vector, space)) for one in found]

    def stored_messages(self, workspace: str, ids: Sequence[str]) -> list[MessageVector]:
        space = self._read(workspace)
        found = self.at(space).stored_messages(workspace, ids)
        return [replace(one, vector=Placed(one.vector, space)) for one in found]

    def held_conclusions(self, workspace: str, ids: Sequence[str]) -> set[str]:
        return self._of(workspace).held_conclusions(workspace, ids)

    def held_messages(self, workspace: str, ids: Sequence[str]) -> set[str]:
        return self._of(workspace).held_messages(workspace, ids)

    def listed_conclusions(self, workspace: str, *, after: str, most: int) -> Listing:
        return self._of(workspace).listed_conclusions(workspace, after=after, most=most)

    def listed_messages(self, workspace: str, *, after: str, most: int) -> Listing:
        return self._of(workspace).listed_messages(workspace, after=after, most=most)

    def _read(self, workspace: str) -> EmbeddingSpace:
        choice = self._known.of(self._db, workspace)
        return self._usual() if choice is None else choice.read

    def _of(self, workspace: str) -> VectorIndex:
        return self.at(self._read(workspace))

    def _near(self, workspace: str, vector: Vector) -> VectorIndex:
        return self.at(space_of(vector) or self._read(workspace))

    def _in_force(self, workspace: str) -> tuple[EmbeddingSpace, EmbeddingSpace | None]:
        """The space that is read and the one beside it, as they are now: to be asked after a first write."""
        choice = self._known.now(self._db, workspace)
        return (self._usual(), None) if choice is None else (choice.read, choice.beside)

    def _upsert(self, records: Sequence[R], put: Callable[[VectorIndex, Sequence[R]], None]) -> None:
        for workspace in dict.fromkeys(record.workspace for record in records):
            self._upsert_of(workspace, [record for record in records if record.workspace == workspace], put)

    def _upsert_of(self, workspace: str, records: Sequence[R], put: Callable[[VectorIndex, Sequence[R]], None]) -> None:
        made: dict[EmbeddingSpace, list[R]] = {}
        for record in records:
            made.setdefault(space_of(record.vector) or self._usual(), []).append(record)
        failed: dict[EmbeddingSpace, Exception] = {}
        for space, some in made.items():
            try:
                put(self.at(space), some)
            except IndexUnavailable as error:
                failed[space] = error
        read, beside = self._in_force(workspace)
        if read in failed:
            raise failed[read]
        # In a space that was left meanwhile nothing is looked for, and what is deleted is deleted there, too.
        put(self.at(read), self._moved(_beyond(made, read), read))
        if beside is not None:
            self._upsert_beside(workspace, beside, _beyond(made, beside), put, failed.get(beside))

    def _upsert_beside(
        self,
        workspace: str,
        beside: EmbeddingSpace,
        records: Sequence[R],
        put: Callable[[VectorIndex, Sequence[R]], None],
        failed: Exception | None,
    ) -> None:
        try:
            if failed is not None:
                raise failed
            if any(not self._translator.fits(beside, record.text) for record in records):
                raise IndexRefused("longer than the model of the other space reads")
            put(self.at(beside), self._moved(records, beside))
        except (ModelUnavailable, ModelRefused, IndexUnavailable, BudgetExhausted) as error:
            logger.warning("second_space_not_written", workspace=workspace, reason=type(error).__name__)
            self._lapsed(workspace, beside)

    def _moved(self, records: Sequence[R], space: EmbeddingSpace) -> Sequence[R]:
        """The same records with vectors of `space`."""
        texts = list(dict.fromkeys(record.text for record in records))
        if not all(texts):
            raise IndexRefused("a vector of another space cannot be made without its text")
        vectors = dict(zip(texts, self._translator.embed(space, texts), strict=True)) if texts else {}
        return [replace(record, vector=vectors[record.text]) for record in records]

    def _is_copied(
        self, workspace: str, space: EmbeddingSpace, copies: Mapping[str, str], observer: str, wanted: set[str]
    ) -> bool:
        try:
            return wanted.issubset(self.at(space).copy_conclusions(workspace, copies, observer=observer))
        except IndexUnavailable:
            return False

    def _lapsed(self, workspace: str, space: EmbeddingSpace) -> None:
        """Have `space` filled once more. Raises `IndexUnavailable` when it has come to be the one that is read."""
        with self._db.reading() as conn:
            is_noted = space_choices.lapse(conn, workspace, space)
        if not is_noted and self._in_force(workspace)[0] == space:
            raise IndexUnavailable("the space was switched while it could not be written")


def _beyond(made: Mapping[EmbeddingSpace, Sequence[R]], space: EmbeddingSpace) -> list[R]:
    """What was not made in `space`."""
    return [record for other, records in made.items() if other != space for record in records]
