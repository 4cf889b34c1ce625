"""The vectors of questions asked again within minutes."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from copy import copy
from hashlib import blake2b
from threading import Lock

from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm.provider import Embedder


class Cached:
    """An embedder that remembers the vectors of single texts for some minutes: many reads ask the same question."""

    def __init__(
        self, embedder: Embedder, *, size: int = 256, ttl_s: float = 300, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._embedder = embedder
        self._size = size
        self._ttl_s = ttl_s
        self._now = now
        self._lock = Lock()
        self._known: OrderedDict[bytes, tuple[float, Vector]] = OrderedDict()

    @property
    def space(self) -> EmbeddingSpace:
        return self._embedder.space

    def around(self, wrap: Callable[[Embedder], Embedder]) -> "Cached":
        """The same memory, with `wrap` around who is asked for what it does not hold."""
        other = copy(self)
        other._embedder = wrap(self._embedder)
        return other

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        if len(texts) != 1:
            return self._embedder.embed(texts)
        key = blake2b(f"{self.space.model}\0{texts[0]}".encode(), digest_size=16).digest()
        with self._lock:
            made_at, vector = self._known.get(key, (0.0, None))
            if vector is not None and self._now() - made_at < self._ttl_s:
                self._known.move_to_end(key)
                return [vector]
        vectors = self._embedder.embed(texts)
        with self._lock:
            self._known[key] = (self._now(), vectors[0])
            self._known.move_to_end(key)
            if len(self._known) > self._size:
                self._known.popitem(last=False)
        return vectors
