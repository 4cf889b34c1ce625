"""Backends over a real database, with a queue, a clock and models that a test controls."""

import hashlib
import json
import math
import struct
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from infra.migrations.apply import ensure_space
from shared.backends import Backends, EmbeddingTranslator, Models, open_backends
from shared.domain.clock import Clock
from shared.domain.errors import QueueUnavailable
from shared.domain.vector import EmbeddingSpace, Vector
from shared.domain.work import TaskKind, WakeUp
from shared.llm.provider import Embedder
from shared.llm.types import Completion, Delta, Reply, TextDelta, Usage
from shared.queue.sqs import WorkQueue
from shared.queue.timer import NoTimer, Timer
from shared.settings import Settings
from shared.store.database import Database, open_database
from shared.vectors.pg import PgIndex
from shared.vectors.spaced import SpacedIndex
from tests.support.scripted_model import FixedModels

THEN: Final = datetime(2031, 5, 6, 7, 0, tzinfo=UTC)
_DIMENSIONS: Final = 8


@dataclass
class FrozenClock:
    """Stands still until it is moved."""

    moment: datetime = THEN

    def now(self) -> datetime:
        return self.moment

    def advance(self, *, seconds: float = 0, minutes: float = 0) -> datetime:
        self.moment += timedelta(seconds=seconds, minutes=minutes)
        return self.moment


@dataclass
class RecordingQueue:
    """Keeps what was sent, in order. `is_down` refuses everything, `accepts` says how many of a call get through."""

    sent: list[WakeUp] = field(default_factory=list[WakeUp])
    returned: list[tuple[TaskKind, str, int]] = field(default_factory=list[tuple[TaskKind, str, int]])
    is_down: bool = False
    accepts: int | None = None

    def send(self, wake_ups: Sequence[WakeUp]) -> list[WakeUp]:
        if self.is_down:
            raise QueueUnavailable("down")
        accepted = list(wake_ups[: self.accepts])
        self.sent += accepted
        return accepted

    def put_back(self, kind: TaskKind, receipt: str, *, after_s: int) -> None:
        if self.is_down:
            raise QueueUnavailable("down")
        self.returned.append((kind, receipt, after_s))

    def take(self, kind: TaskKind | None = None) -> list[WakeUp]:
        """What was sent and not taken yet, of one kind or of all."""
        taken = [wake_up for wake_up in self.sent if kind in (None, wake_up.unit.kind)]
        self.sent = [wake_up for wake_up in self.sent if wake_up not in taken]
        return taken


class TinyEmbedder:
    """Eight numbers made from the text's hash: texts are unrelated unless `alike` says what one stands for."""

    def __init__(self, alike: Mapping[str, str] | None = None) -> None:
        self.alike = dict(alike or {})
        self.asked: list[str] = []

    @property
    def space(self) -> EmbeddingSpace:
        return EmbeddingSpace("tiny", _DIMENSIONS)

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.asked += texts
        return [_vector(self.alike.get(text, text)) for text in texts]


class Meddling:
    """The embedder `inner`; lets something happen while it embeds."""

    def __init__(self, inner: Embedder, then: Callable[[], object]) -> None:
        self.inner, self.then = inner, then

    @property
    def space(self) -> EmbeddingSpace:
        return self.inner.space

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.then()
        return self.inner.embed(texts)


class AnsweringModel:
    """A chat model that answers each request with what `answer` makes of it."""

    name = "answering/1"

    def __init__(self, answer: Callable[[Completion], str]) -> None:
        self._answer = answer
        self.requests: list[Completion] = []

    def complete(self, request: Completion) -> Reply:
        self.requests.append(request)
        return Reply(self._answer(request), usage=Usage(10, 2), model="answering")

    def stream(self, request: Completion) -> Iterator[Delta]:
        reply = self.complete(request)
        yield TextDelta(reply.text)
        yield reply


def facts(*found: str | tuple[str, int]) -> str:
    """What a deriving model answers: facts, each with the number of the message it was read from, if any."""
    rows = [(fact, None) if isinstance(fact, str) else fact for fact in found]
    return json.dumps({"explicit": [{"content": content, "message": number} for content, number in rows]})


def silent_models() -> FixedModels:
    """Models that never find anything worth keeping."""
    return FixedModels(AnsweringModel(lambda _: facts()), TinyEmbedder())


def make_settings(dsn: str, *, pipeline: bool = True, **sections: Mapping[str, object]) -> Settings:
    """Settings for the database at `dsn`; `sections` as in `config.toml`."""
    db = {"connection_uri": dsn, "pipeline": pipeline, **sections.pop("db", {})}
    return Settings.model_validate({"db": db, **sections})


def make_backends(
    dsn: str,
    *,
    models: Models | None = None,
    settings: Settings | None = None,
    clock: Clock | None = None,
    queue: WorkQueue | None = None,
    timer: Timer | None = None,
) -> Backends:
    """Backends over the database at `dsn`; whoever calls closes `db`."""
    chosen = settings or make_settings(dsn)
    db = open_database(chosen.db)
    all_models = models or silent_models()
    return Backends(
        settings=chosen,
        db=db,
        queue=queue or RecordingQueue(),
        models=all_models,
        vectors=PgIndex(db, lambda: all_models.embedder().space),
        clock=clock or FrozenClock(),
        timer=timer or NoTimer(),
    )


def vectors_over(backends: Backends, db: Database) -> SpacedIndex:
    """The product's index in Postgres, over another line to the database; it knows what `backends` know."""

    def usual() -> EmbeddingSpace:
        return backends.models.embedder().space

    translator = EmbeddingTranslator(backends.settings, backends.models)
    return SpacedIndex(db, backends.spaces, PgIndex(db, usual), usual, translator)


def ensure_tiny_space(owner_dsn: str) -> None:
    """The tables for the vectors of `TinyEmbedder`."""
    ensure_space(owner_dsn, TinyEmbedder().space)


@contextmanager
def offline_backends(
    app_dsn: str, owner_dsn: str, sections: Mapping[str, Mapping[str, object]] | None = None
) -> Generator[Backends]:
    """The product's own backends with the offline models, over the database at `app_dsn`.

    `sections` are further settings. The tables of the embedding space are made as the owner of the database.
    """
    given = {"db": {"connection_uri": app_dsn}, "offline": {"enabled": True}, **(sections or {})}
    backends = open_backends(Settings.model_validate(given))
    ensure_space(owner_dsn, backends.models.embedder().space)
    try:
        yield replace(backends, queue=RecordingQueue())
    finally:
        backends.db.close()


def _vector(text: str) -> Vector:
    numbers = struct.unpack(f"{_DIMENSIONS}i", hashlib.sha256(text.encode()).digest())
    length = math.hypot(*numbers)
    return [number / length for number in numbers]
