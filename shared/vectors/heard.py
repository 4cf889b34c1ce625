"""A vector index whose calls are spans."""

from collections.abc import Callable
from functools import wraps
from typing import cast

from shared.domain.vector import EmbeddingSpace
from shared.telemetry import tracing
from shared.vectors.index import VectorIndex


class _HeardIndex:
    """Hands everything on. Without a list of its own, so that a new operation needs nothing here."""

    def __init__(self, index: VectorIndex) -> None:
        self._index = index

    def at(self, space: EmbeddingSpace) -> VectorIndex:
        return heard_index(self._index.at(space))

    def __getattr__(self, name: str) -> object:
        found: object = getattr(self._index, name)
        return _spanned(name, found) if callable(found) else found


def heard_index(index: VectorIndex) -> VectorIndex:
    """`index`, with a span for each call."""
    return cast(VectorIndex, _HeardIndex(index))


def _spanned(operation: str, call: Callable[..., object]) -> Callable[..., object]:
    @wraps(call)
    def spanned(*args: object, **options: object) -> object:
        with tracing.span("vector_call", operation=operation):
            return call(*args, **options)

    return spanned
