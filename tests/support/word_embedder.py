"""Embeddings whose geometry a test can foresee: texts are near when they share words."""

import hashlib
import math
import re
from collections.abc import Sequence

from shared.domain.vector import EmbeddingSpace, Vector

_DIMENSIONS = 64


class WordEmbedder:
    """Each word is a direction of its own, as far as the dimensions go. Counts the texts it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    @property
    def space(self) -> EmbeddingSpace:
        return EmbeddingSpace("words", _DIMENSIONS)

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.asked += texts
        return [_vector(text) for text in texts]


def _vector(text: str) -> Vector:
    counts = [0.0] * _DIMENSIONS
    for word in re.findall(r"\w+", text.lower()):
        counts[int(hashlib.sha256(word.encode()).hexdigest(), 16) % _DIMENSIONS] += 1.0
    length = math.hypot(*counts)
    return [count / length for count in counts] if length else [1.0, *([0.0] * (_DIMENSIONS - 1))]
