"""Vectors of conclusions and messages, as short as tests can say them."""

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from shared.domain.conclusion import Collection
from shared.domain.vector import ConclusionVector, Hit, MessageVector, Vector

ADA: Final = Collection("w", "ada", "ada")
EAST: Final = (1.0, 0.0, 0.0)
NORTH: Final = (0.0, 1.0, 0.0)
WEST: Final = (-1.0, 0.0, 0.0)


def a_conclusion(identifier: str, vector: Vector = EAST, **more: Any) -> ConclusionVector:
    """What ada concluded about herself in session s of workspace w."""
    return replace(ConclusionVector("w", identifier, "ada", "ada", "s", "explicit", vector), **more)


def a_piece(message_id: str, piece: int = 0, vector: Vector = EAST, **more: Any) -> MessageVector:
    """A piece of what ada said in session s of workspace w."""
    return replace(MessageVector("w", message_id, piece, "s", "ada", vector), **more)


def ids(found: Iterable[Hit]) -> list[str]:
    return [hit.id for hit in found]


def scattered(count: int, *, dimensions: int = 3, seed: int = 7) -> list[list[float]]:
    """Vectors in all directions, the same ones each time."""
    chance = random.Random(seed)
    return [[chance.gauss(0, 1) for _ in range(dimensions)] for _ in range(count)]
