"""Vectors and what is stored and found with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from shared.domain.conclusion import Level

Vector: TypeAlias = Sequence[float]


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """What makes vectors comparable: the model and the number of dimensions."""

    model: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class ConclusionVector:
    """A conclusion's place in a space."""

    workspace: str
    id: str
    observer: str
    observed: str
    session: str | None
    level: Level
    vector: Vector


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
