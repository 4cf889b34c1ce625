"""Texts to unit vectors, whoever makes them: within limits, in batches, tried again, looked at, in order."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from threading import BoundedSemaphore
from typing import Final, Protocol

from shared.domain.errors import Invalid, ModelRefused, ModelUnavailable
from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm import tokens
from shared.llm.failures import Objection
from shared.llm.retry import Pace, patiently
from shared.llm.types import AnswerUseless, Usage
from shared.settings.models import EmbeddingSpec

# The models that take no `dimensions` and have always this many.
FIXED_DIMENSIONS: Final = {"text-embedding-ada-002": 1536}
# Tokens below which a text is not cut any further.
_SHORTEST: Final = 256
# One text is somebody's query: with all attempts it must stay below API Gateway's 29 s.
_QUERY_TIMEOUT_S: Final = 8.0
_BATCH_TIMEOUT_S: Final = 30.0
_NEARLY_ONE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Answer:
    """What came for some texts, in their order; None for what is no vector. `tokens` where the vendor counted them."""

    vectors: Sequence[Vector | None]
    tokens: int | None = None


class Wire(Protocol):
    """How one vendor is asked for vectors, once and without judging them."""

    def ask(self, texts: Sequence[str], *, timeout_s: float) -> Answer:
        """Raises `ModelUnavailable` for what may pass, `ModelRefused` for what will not, `Objection` among them."""
        ...

    def is_too_long(self, objection: Objection) -> bool:
        """Whether a text has more tokens than the model takes, counted with its own vocabulary."""
        ...


class RemoteEmbedder:
    """An embedding model behind a `Wire`, which takes `max_inputs` texts at once. One serves all threads."""

    def __init__(
        self, spec: EmbeddingSpec, dimensions: int, wire: Wire, *, max_inputs: int, pace: Pace | None = None
    ) -> None:
        self._spec = spec
        self._wire = wire
        # More are refused, whatever the settings say.
        self._max_inputs = min(spec.max_batch or max_inputs, max_inputs)
        self._pace = pace or Pace()
        self._turns = BoundedSemaphore(spec.concurrency)
        self.space: EmbeddingSpace = EmbeddingSpace(f"{spec.provider}/{spec.model}", dimensions)

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return self.counted(texts)[0]

    def counted(self, texts: Sequence[str]) -> tuple[list[Vector], int]:
        """The vectors, and how many tokens that took."""
        vectors: list[Vector] = []
        count, failure = 0, None
        for answer in self._answers([*self._batches(texts)]):
            try:
                found, taken = answer()
            except ModelUnavailable as error:
                failure = failure or error
                if self._spec.concurrency == 1:
                    break
                continue
            vectors += found
            count += taken
        if failure is None:
            return vectors, count
        # What the others took is paid for.
        raise AnswerUseless(str(failure), usage=Usage(count)) if count else failure

    def _answers(self, batches: list[list[str]]) -> Iterator[Callable[[], tuple[list[Vector], int]]]:
        """For each batch what gives its answer or raises; several are asked at the same time."""
        if len(batches) == 1 or self._spec.concurrency == 1:
            yield from (partial(self._ask, batch) for batch in batches)
            return
        with ThreadPoolExecutor(min(len(batches), self._spec.concurrency)) as pool:
            # Who asks is told by context variables, which threads do not inherit.
            yield from [pool.submit(copy_context().run, self._ask, batch).result for batch in batches]

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        most, limit = self._spec.max_request_tokens, self._spec.max_input_tokens
        batch: list[str] = []
        used = 0
        for text in texts:
            # An empty text is refused, and the vector of a blank does no harm.
            fitting = tokens.cut(text, limit) or " "
            # A token has at least one byte: that bounds the count without counting.
            cost = min(len(fitting.encode()), limit)
            if batch and (used + cost > most or len(batch) == self._max_inputs):
                yield batch
                batch, used = [], 0
            batch.append(fitting)
            used += cost
        if batch:
            yield batch

    def _ask(self, batch: list[str]) -> tuple[list[Vector], int]:
        limit = self._spec.max_input_tokens
        while True:
            try:
                return self._patiently(batch)
            except Objection as objection:
                # Its own vocabulary may need more tokens for the same text than the one counted with.
                limit //= 2
                if limit < _SHORTEST or not self._wire.is_too_long(objection):
                    raise
                batch = [tokens.cut(text, limit) or " " for text in batch]

    def _patiently(self, batch: list[str]) -> tuple[list[Vector], int]:
        name, pace = self.space.model, self._pace
        timeout_s = self._spec.timeout_s or (_QUERY_TIMEOUT_S if len(batch) == 1 else _BATCH_TIMEOUT_S)

        def once(left_s: float) -> tuple[list[Vector], int]:
            with self._turns:
                answer = self._wire.ask(batch, timeout_s=min(timeout_s, left_s))
            return self._checked(answer.vectors, len(batch)), answer.tokens or sum(map(tokens.count, batch))

        ends = pace.now() + pace.attempts * timeout_s
        return patiently(once, name=name, pace=pace, attempts=pace.attempts, ends=ends)

    def _checked(self, found: Sequence[Vector | None], wanted: int) -> list[Vector]:
        if len(found) != wanted:
            raise ModelUnavailable(f"{self.space.model} gave {len(found)} vectors for {wanted} texts")
        return [self._unit(vector) for vector in found]

    def _unit(self, vector: Vector | None) -> Vector:
        name, wanted = self.space.model, self.space.dimensions
        if vector is None:
            raise ModelUnavailable(f"{name} gave something else than a vector")
        if len(vector) != wanted:
            raise ModelRefused(f"{name} gives vectors of {len(vector)} dimensions, {wanted} are configured")
        length = math.hypot(*vector)
        if not math.isfinite(length) or length == 0:
            raise ModelUnavailable(f"{name} gave a vector without a direction")
        return vector if abs(length - 1) < _NEARLY_ONE else [value / length for value in vector]


def family(model: str) -> str:
    """The model's own name, without the vendor's that gateways put before it."""
    return model.rpartition("/")[2]


def dimensions_of(spec: EmbeddingSpec) -> int:
    """The dimensions that `spec` stands for. Raises `Invalid` where it says none."""
    dimensions = spec.dimensions or FIXED_DIMENSIONS.get(family(spec.model))
    if dimensions is None:
        raise Invalid(f"VECTOR_STORE_DIMENSIONS must be set for the embedding model {spec.model!r}")
    return dimensions
