"""What a vector store outside of Postgres must be able to do: rows with a vector, in namespaces of their own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias

from shared.domain.vector import Vector

Attribute: TypeAlias = str | int | bool | None
# Every attribute named here has one of its values; an empty mapping holds for all rows.
Where: TypeAlias = Mapping[str, Sequence[str | bool]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of rows: the name it has in namespaces, and the types of its attributes beside id and vector.

    `words` are texts that are searched by their words, and not compared as a whole.
    """

    name: str
    texts: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def attributes(self) -> tuple[str, ...]:
        return (*self.texts, *self.numbers, *self.flags, *self.words)


CONCLUSIONS: Final = Kind(
    "doc", ("workspace_name", "observer", "observed", "session_name", "level"), flags=("is_of_scope",)
)
MESSAGES: Final = Kind("msg", ("workspace_name", "message_id", "session_name", "peer_name"), numbers=("piece",))

# For whoever wants the store to search texts, too: then they are sent there.
WORDED_MESSAGES: Final = replace(MESSAGES, words=("text",))


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace: the rows of one kind, of one workspace, in one embedding space."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Row:
    """A vector with what is known of it. Where only attributes were asked for, the vector is empty."""

    id: str
    vector: Vector
    attributes: Mapping[str, Attribute]

    def text(self, name: str) -> str:
        return str(self.attributes[name])


@dataclass(frozen=True, slots=True)
class Near:
    """A row that was found: its cosine distance from 0 to 2, and `message_id` where its kind has one."""

    id: str
    distance: float
    message_id: str | None


class Shelf(Protocol):
    """Namespaces appear with their first row; one that is not there is empty.

    Every call may raise `IndexUnavailable`.
    """

    def put(self, place: Place, rows: Sequence[Row]) -> None:
        """Rows take the place of those with the same id."""
        ...

    def nearest(self, place: Place, vectors: Sequence[Vector], where: Where, *, k: int) -> list[list[Near]]:
        """For each vector the `k` rows nearest to it among those that meet `where`, nearest first."""
        ...

    def by_words(self, place: Place, query: str, where: Where, *, k: int) -> list[Near]:
        """The `k` rows whose words say most of `query`, the best first; their score stands for the distance."""
        ...

    def rows(self, place: Place, where: Where, *, with_vectors: bool) -> Iterator[Row]:
        """All rows that meet `where`."""
        ...

    def listed(self, place: Place, *, after: str, most: int) -> list[Row]:
        """The first `most` rows by id that come after this one, without their vectors."""
        ...

    def take(self, place: Place, where: Where) -> None:
        """Rows that meet `where` go; nothing happens where there are none."""
        ...

    def drop(self, place: Place) -> None:
        """The whole namespace goes."""
        ...
