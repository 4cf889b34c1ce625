"""The vector index in a store outside of Postgres: what the memory asks for, in terms of rows and namespaces."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from shared.domain.conclusion import Collection, Level
from shared.domain.errors import IndexRefused
from shared.domain.ids import is_scope
from shared.domain.vector import ConclusionVector, EmbeddingSpace, Hit, MessageVector, Vector
from shared.vectors.index import Listing, VectorIndex
from shared.vectors.shelf import CONCLUSIONS, MESSAGES, Kind, Near, Place, Row, Shelf, Where
from shared.vectors.spaces import key_of

# What one request carries: 500 vectors of 1536 numbers are 4 MB, and as many ids fit into any filter.
_AT_ONCE = 500
_PIECES_PER_MESSAGE = 3
# The most that Turbopuffer gives at once.
_MOST_FOUND = 10_000


class ExternalIndex(VectorIndex):
    """Two namespaces for each workspace and embedding space; see decision 0038.

    `spaces` are the keys of all spaces there ever were: what is deleted goes from each of them. `messages` says
    what is kept of messages.
    """

    def __init__(
        self,
        shelf: Shelf,
        namespace: str,
        space: Callable[[], EmbeddingSpace],
        spaces: Callable[[], Iterable[str]],
        messages: Kind = MESSAGES,
    ) -> None:
        self._shelf = shelf
        self._namespace = namespace
        self._space = space
        self._spaces = spaces
        self.keeps = messages

    def at(self, space: EmbeddingSpace) -> "ExternalIndex":
        return ExternalIndex(self._shelf, self._namespace, lambda: space, self._spaces, self.keeps)

    def upsert_conclusions(self, records: Sequence[ConclusionVector]) -> None:
        self._put(CONCLUSIONS, {(row.workspace, row.id): _conclusion_row(row) for row in records})

    def upsert_messages(self, records: Sequence[MessageVector]) -> None:
        self._put(self.keeps, {(row.workspace, _piece_id(row)): _message_row(row) for row in records})

    def copy_conclusions(self, workspace: str, copies: Mapping[str, str], *, observer: str) -> list[str]:
        originals = {one.id: one for one in self.stored_conclusions(workspace, sorted(set(copies.values())))}
        placed = [
            replace(originals[original], id=copy, observer=observer)
            for copy, original in copies.items()
            if original in originals
        ]
        self.upsert_conclusions(placed)
        return [one.id for one in placed]

    def conclusion_vectors(self, workspace: str, ids: Sequence[str]) -> dict[str, Vector]:
        return {row.id: row.vector for row in self._rows(CONCLUSIONS, workspace, "id", ids, with_vectors=True)}

    def delete_conclusions(self, workspace: str, ids: Sequence[str]) -> None:
        self._take(CONCLUSIONS, workspace, "id", ids)

    def delete_messages(self, workspace: str, ids: Sequence[str]) -> None:
        self._take(self.keeps, workspace, "message_id", ids)

    def delete_workspace(self, workspace: str, *, most: int) -> bool:
        for kind in (CONCLUSIONS, self.keeps):
            for place in self._every(kind, workspace):
                self._shelf.drop(place)
        return False

    def clear(self, workspace: str, *, most: int) -> bool:
        for kind in (CONCLUSIONS, self.keeps):
            self._shelf.drop(self._place(kind, workspace))
        return False

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
        own = {"observer": (collection.observer,), "observed": (collection.observed,)}
        where = _narrowed(own, level=levels, session_name=sessions, id=among)
        if not vectors or k <= 0 or where is None:
            return [[] for _ in vectors]
        found = self._nearest(CONCLUSIONS, collection.workspace, vectors, where, k)
        limit = 2.0 if max_distance is None else max_distance
        return [[Hit(hit.id, hit.distance) for hit in hits if hit.distance <= limit] for hits in found]

    def nearest_in_workspace(
        self,
        workspace: str,
        vector: Vector,
        *,
        k: int,
        levels: Sequence[Level] | None = None,
        sessions: Sequence[str] | None = None,
    ) -> list[Hit]:
        where = _narrowed({"is_of_scope": (False,)}, level=levels, session_name=sessions)
        if k <= 0 or where is None:
            return []
        [found] = self._nearest(CONCLUSIONS, workspace, [vector], where, k)
        return [Hit(hit.id, hit.distance) for hit in found]

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
        where = _narrowed({}, session_name=sessions, peer_name=None if peer is None else (peer,), message_id=among)
        if k <= 0 or where is None:
            return []
        # A long message has several pieces and is found once: more are taken until there are enough different ones.
        taken = min(k * _PIECES_PER_MESSAGE, _MOST_FOUND)
        while True:
            [pieces] = self._nearest(self.keeps, workspace, [vector], where, taken)
            found = {str(piece.message_id): piece.distance for piece in reversed(pieces)}
            if len(found) >= k or len(pieces) < taken or taken == _MOST_FOUND:
                break
            taken = min(taken * 4, _MOST_FOUND)
        nearest = sorted(found.items(), key=lambda item: item[1])[:k]
        return [Hit(identifier, distance) for identifier, distance in nearest]

    def stored_conclusions(self, workspace: str, ids: Sequence[str]) -> list[ConclusionVector]:
        return [_conclusion(row) for row in self._rows(CONCLUSIONS, workspace, "id", ids, with_vectors=True)]

    def stored_messages(self, workspace: str, ids: Sequence[str]) -> list[MessageVector]:
        return [_piece(row) for row in self._rows(self.keeps, workspace, "message_id", ids, with_vectors=True)]

    def held_conclusions(self, workspace: str, ids: Sequence[str]) -> set[str]:
        return {row.id for row in self._rows(CONCLUSIONS, workspace, "id", ids, with_vectors=False)}

    def held_messages(self, workspace: str, ids: Sequence[str]) -> set[str]:
        rows = self._rows(self.keeps, workspace, "message_id", ids, with_vectors=False)
        return {row.text("message_id") for row in rows}

    def listed_conclusions(self, workspace: str, *, after: str, most: int) -> Listing:
        rows = self._shelf.listed(self._place(CONCLUSIONS, workspace), after=after, most=most)
        return Listing([row.id for row in rows], rows[-1].id if len(rows) == most else None)

    def listed_messages(self, workspace: str, *, after: str, most: int) -> Listing:
        rows = self._shelf.listed(self._place(self.keeps, workspace), after=after, most=most)
        ids = list(dict.fromkeys(row.text("message_id") for row in rows))
        return Listing(ids, rows[-1].id if len(rows) == most else None)

    def messages_by_words(
        self,
        workspace: str,
        query: str,
        *,
        k: int,
        sessions: Sequence[str] | None = None,
        peer: str | None = None,
    ) -> list[tuple[str, float]]:
        """Ids of the messages whose texts say most of `query`, the best first with their scores (BM25)."""
        where = _narrowed({}, session_name=sessions, peer_name=None if peer is None else (peer,))
        if where is None or k <= 0:
            return []
        taken = min(k * _PIECES_PER_MESSAGE, _MOST_FOUND)
        pieces = self._shelf.by_words(self._place(self.keeps, workspace), query, where, k=taken)
        best = {str(piece.message_id): piece.distance for piece in reversed(pieces)}
        return sorted(best.items(), key=lambda item: -item[1])[:k]

    def _put(self, kind: Kind, rows: Mapping[tuple[str, str], Row]) -> None:
        self._check([row.vector for row in rows.values()])
        for workspace in sorted({workspace for workspace, _ in rows}):
            own = [row for (owner, _), row in sorted(rows.items()) if owner == workspace]
            for start in range(0, len(own), _AT_ONCE):
                self._shelf.put(self._place(kind, workspace), own[start : start + _AT_ONCE])

    def _nearest(self, kind: Kind, workspace: str, vectors: Sequence[Vector], where: Where, k: int) -> list[list[Near]]:
        self._check(vectors)
        return self._shelf.nearest(self._place(kind, workspace), vectors, where, k=min(k, _MOST_FOUND))

    def _rows(
        self, kind: Kind, workspace: str, attribute: str, values: Sequence[str], *, with_vectors: bool
    ) -> Iterable[Row]:
        place = self._place(kind, workspace)
        for start in range(0, len(values), _AT_ONCE):
            where = {attribute: values[start : start + _AT_ONCE]}
            yield from self._shelf.rows(place, where, with_vectors=with_vectors)

    def _take(self, kind: Kind, workspace: str, attribute: str, values: Sequence[str]) -> None:
        if not values:
            return
        for place in self._every(kind, workspace):
            for start in range(0, len(values), _AT_ONCE):
                self._shelf.take(place, {attribute: values[start : start + _AT_ONCE]})

    def _every(self, kind: Kind, workspace: str) -> list[Place]:
        return [self._named(kind, workspace, key) for key in sorted({key_of(self._space()), *self._spaces()})]

    def _place(self, kind: Kind, workspace: str) -> Place:
        return self._named(kind, workspace, key_of(self._space()))

    def _named(self, kind: Kind, workspace: str, key: str) -> Place:
        digest = base64.urlsafe_b64encode(hashlib.sha256(workspace.encode()).digest()).decode().rstrip("=")
        return Place(f"{self._namespace}.{kind.name}.{key}.{digest}", kind)

    def _check(self, vectors: Sequence[Vector]) -> None:
        wanted = self._space().dimensions
        if wrong := next((len(vector) for vector in vectors if len(vector) != wanted), None):
            raise IndexRefused(f"a vector of {wrong} numbers does not belong into a space of {wanted} dimensions")


def _narrowed(base: Where, **allowed: Sequence[str] | None) -> Where | None:
    """`base` with what is allowed; None where nothing can meet it."""
    given = {name: values for name, values in allowed.items() if values is not None}
    return {**base, **given} if all(given.values()) else None


def _conclusion_row(one: ConclusionVector) -> Row:
    attributes = {
        "workspace_name": one.workspace,
        "observer": one.observer,
        "observed": one.observed,
        "session_name": one.session,
        "level": one.level,
        "is_of_scope": is_scope(one.observer),
    }
    return Row(one.id, one.vector, attributes)


def _conclusion(row: Row) -> ConclusionVector:
    session = row.attributes["session_name"]
    return ConclusionVector(
        row.text("workspace_name"),
        row.id,
        row.text("observer"),
        row.text("observed"),
        None if session is None else str(session),
        cast(Level, row.text("level")),
        row.vector,
    )


def _piece_id(one: MessageVector) -> str:
    return f"{one.message_id}_{one.piece}"


def _message_row(one: MessageVector) -> Row:
    attributes = {
        "workspace_name": one.workspace,
        "message_id": one.message_id,
        "session_name": one.session,
        "peer_name": one.peer,
        "piece": one.piece,
        "text": one.text,
    }
    return Row(_piece_id(one), one.vector, attributes)


def _piece(row: Row) -> MessageVector:
    return MessageVector(
        row.text("workspace_name"),
        row.text("message_id"),
        int(row.text("piece")),
        row.text("session_name"),
        row.text("peer_name"),
        row.vector,
        str(row.attributes.get("text") or ""),
    )
