"""The composition root: what every verb works with, as one value."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from shared.cache.rows import NO_CACHE, Cache
from shared.domain.clock import Clock, SystemClock
from shared.domain.dream import Specialist
from shared.domain.errors import Invalid, ModelUnavailable
from shared.domain.usage import ModelCall
from shared.domain.vector import EmbeddingSpace, Placed, Vector
from shared.llm import tokens
from shared.llm.prices import load_prices
from shared.llm.provider import ChatModel, Embedder, open_chat_model, open_embedder
from shared.queue.sqs import WorkQueue, open_queue
from shared.queue.timer import NoTimer, Timer, open_timer
from shared.settings import Settings
from shared.settings.choice import chat_spec, dream_spec, embedding_spec, spec_of_space
from shared.settings.models import ReasoningLevel
from shared.store.database import Database, open_database
from shared.store.known_budgets import KnownBudgets
from shared.store.known_spaces import KnownSpaces
from shared.telemetry import tracing
from shared.vectors.heard import heard_index
from shared.vectors.index import VectorIndex
from shared.vectors.opening import open_stores
from shared.vectors.spaced import SpacedIndex


class Models(Protocol):
    """The models by feature."""

    def deriver(self) -> ChatModel: ...

    def summary(self) -> ChatModel: ...

    def dialectic(self, level: ReasoningLevel) -> ChatModel: ...

    def dream(self, specialist: Specialist) -> ChatModel: ...

    def embedder(self) -> Embedder: ...

    def embedder_in(self, space: EmbeddingSpace) -> Embedder:
        """The one that makes vectors of `space`. Raises `ModelUnavailable` where the settings do not reach it."""
        ...


class ConfiguredModels:
    """The models that the settings choose, each opened on first use: a cold start pays only for what it needs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._chat: dict[str, ChatModel] = {}
        self._embedder: Embedder | None = None
        self._embedders: dict[EmbeddingSpace, Embedder] = {}

    def deriver(self) -> ChatModel:
        return self._open("deriver")

    def summary(self) -> ChatModel:
        return self._open("summary")

    def dialectic(self, level: ReasoningLevel) -> ChatModel:
        return self._open(level)

    def dream(self, specialist: Specialist) -> ChatModel:
        name = f"dream_{specialist}"
        if name not in self._chat:
            self._chat[name] = open_chat_model(dream_spec(self._settings, specialist))
        return self._chat[name]

    def embedder(self) -> Embedder:
        if self._embedder is None:
            self._embedder = open_embedder(embedding_spec(self._settings))
        return self._embedder

    def embedder_in(self, space: EmbeddingSpace) -> Embedder:
        if space == self.embedder().space:
            return self.embedder()
        if space not in self._embedders:
            self._embedders[space] = _opened(self._settings, space)
        return self._embedders[space]

    def _open(self, name: str) -> ChatModel:
        if name not in self._chat:
            settings = self._settings
            features = {"deriver": settings.deriver, "summary": settings.summary, **settings.dialectic.levels}
            self._chat[name] = open_chat_model(chat_spec(settings, features[name]))
        return self._chat[name]


def _opened(settings: Settings, space: EmbeddingSpace) -> Embedder:
    try:
        found = open_embedder(spec_of_space(settings, space.model, space.dimensions))
    except Invalid as error:
        raise ModelUnavailable(str(error)) from error
    if found.space != space:
        raise ModelUnavailable(f"{space.model} is not installed: {found.space.model} is there in its place")
    return found


class EmbeddingTranslator:
    """Makes vectors of any space with `models`."""

    def __init__(self, settings: Settings, models: Models) -> None:
        self._settings = settings
        self._models = models

    def embed(self, space: EmbeddingSpace, texts: Sequence[str]) -> list[Vector]:
        return [Placed(vector, space) for vector in self._models.embedder_in(space).embed(texts)]

    def fits(self, space: EmbeddingSpace, text: str) -> bool:
        try:
            limit = spec_of_space(self._settings, space.model, space.dimensions).max_input_tokens
        except Invalid:
            return False
        return len(text.encode()) <= limit or tokens.count(text) <= limit


class Tab(Protocol):
    """Keeps the calls of models that a piece of work made until they are written down."""

    def riding(self) -> AbstractContextManager[tuple[ModelCall, ...]]:
        """The calls that are not written yet, for a statement that writes them; they count as written unless
        something is raised."""
        ...


class NoTab:
    """Nothing is metered."""

    def riding(self) -> AbstractContextManager[tuple[ModelCall, ...]]:
        return nullcontext(())


@dataclass(frozen=True, slots=True)
class Backends:
    """Database, vectors, queue, models, clock, settings and cache. Verbs take it first.

    Where models are metered, `tab` has their calls: see `shared.memory.metering`.
    """

    settings: Settings
    db: Database
    queue: WorkQueue
    models: Models
    vectors: VectorIndex
    clock: Clock
    cache: Cache = NO_CACHE
    tab: Tab = field(default_factory=NoTab)
    known_budgets: KnownBudgets = field(default_factory=KnownBudgets)
    spaces: KnownSpaces = field(default_factory=KnownSpaces)
    timer: Timer = field(default_factory=NoTimer)


def open_cache(settings: Settings) -> Cache:
    """The cache that the settings choose; off means none at all, in no process."""
    cache = settings.cache
    if not cache.enabled:
        return NO_CACHE
    from shared.cache.redis_cache import CacheTimes, RedisCache, open_redis

    times = CacheTimes(
        cache.default_ttl_seconds, cache.default_lock_ttl_seconds, cache.lock_wait_check_interval_seconds
    )
    return RedisCache(
        lambda: open_redis(cache.url.get_secret_value(), is_cluster=cache.cluster),
        cache.namespace or settings.app.namespace,
        times,
    )


def open_backends(settings: Settings) -> Backends:
    """The adapters that `settings` choose. Opens no connection and imports no SDK: both happen on first use."""
    db = open_database(settings.db)
    if settings.usage.prices_file is not None:
        # A mistake in it is told at the start, and not by the first call.
        load_prices(settings.usage.prices_file)
    models = ConfiguredModels(settings)
    known, translator = KnownSpaces(), EmbeddingTranslator(settings, models)

    def usual() -> EmbeddingSpace:
        return models.embedder().space

    stores = open_stores(settings.vector_store, settings.namespace("vector_store"), db, usual)
    index = heard_index(stores.index) if tracing.is_detailed() else stores.index
    return Backends(
        settings=settings,
        db=db,
        queue=open_queue(settings.queue),
        models=models,
        vectors=SpacedIndex(db, known, index, usual, translator),
        clock=SystemClock(),
        cache=open_cache(settings),
        spaces=known,
        timer=open_timer(settings.tick),
    )
