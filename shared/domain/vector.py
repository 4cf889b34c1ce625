"""Vectors and what is stored and found with them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from shared.domain.conclusion import Level

Vector: TypeAlias = Sequence[float]


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """What makes vectors comparable: the model and the number of dimensions."""

    model: str
    dimensions: int


class Placed(list[float]):
    """A vector that says which space it belongs to: while a workspace changes its model there are two."""

    def __init__(self, values: Iterable[float], space: EmbeddingSpace) -> None:
        super().__init__(values)
        self.space = space


def space_of(vector: Vector) -> EmbeddingSpace | None:
    """The space that `vector` belongs to; None where it does not say."""
    return vector.space if isinstance(vector, Placed) else None


@dataclass(frozen=True, slots=True)
class ConclusionVector:
    """A conclusion's place in a space. `text` is what it says, for whoever must place it in another space, too."""

    workspace: str
    id: str
    observer: str
    observed: str
    session: str | None
    level: Level
    vector: Vector
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class MessageVector:
    """The place of one piece of a message; a long message has several, numbered from 0.

    `text` is the piece itself, for a store that was told to keep it; no other does.
    """

    workspace: str
    message_id: str
    piece: int
    session: str
    peer: str
    vector: Vector
    text: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found: its id and its cosine distance (0 same direction, 2 opposite)."""

    id: str
    distance: float
