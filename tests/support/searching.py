"""A workspace whose messages are recorded, indexed when the test says so, and searched."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import psycopg

from shared.backends import Backends
from shared.domain.errors import ModelUnavailable
from shared.domain.message import Message, MessageDraft
from shared.domain.vector import Vector
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.memory.indexing import index_messages
from shared.memory.record import record_messages
from shared.memory.search import search
from shared.settings import Settings
from shared.settings.sections import AppSettings
from shared.store.conditions import Condition
from shared.store.database import open_database
from shared.vectors import spaces
from shared.vectors.pg import PgIndex
from tests.support.scripted_model import FixedModels, ScriptedModel
from tests.support.word_embedder import WordEmbedder

THEN = datetime(2031, 5, 6, 7, 0, tzinfo=UTC)


class AbsentEmbedder(WordEmbedder):
    """Cannot be reached."""

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        raise ModelUnavailable()


@dataclass
class MovableClock:
    """Stands still until it is moved."""

    moment: datetime = THEN + timedelta(days=1)

    def now(self) -> datetime:
        return self.moment


@dataclass
class AcceptingQueue:
    """Accepts every wake-up and keeps it."""

    kept: list[WakeUp] = field(default_factory=list[WakeUp])

    def send(self, wake_ups: Sequence[WakeUp]) -> list[WakeUp]:
        self.kept += wake_ups
        return list(wake_ups)

    def put_back(self, kind: TaskKind, receipt: str, *, after_s: int) -> None:
        raise AssertionError("nobody receives from this queue")


@dataclass
class Searching:
    """One workspace; messages are a minute apart."""

    backends: Backends
    clock: MovableClock
    workspace: str
    minutes: int = 0

    def says(self, *texts: str, peer: str = "ada", session: str = "s") -> list[Message]:
        """Record `texts` as one batch, without indexing it."""
        drafts: list[MessageDraft] = []
        for text in texts:
            self.minutes += 1
            drafts.append(MessageDraft(peer, text, created_at=THEN + timedelta(minutes=self.minutes)))
        return record_messages(self.backends, self.workspace, session, drafts)

    def knows(self, *texts: str, peer: str = "ada", session: str = "s") -> list[Message]:
        """Record and index `texts`."""
        said = self.says(*texts, peer=peer, session=session)
        self.indexes(session)
        return said

    def indexes(self, session: str = "s") -> None:
        index_messages(self.backends, self.wake_up(session))

    def wake_up(self, session: str = "s") -> WakeUp:
        return WakeUp(WorkUnit(self.workspace, TaskKind.INDEX, session), 1)

    def finds(
        self,
        query: str,
        limit: int = 1,
        *,
        where: Condition | None = None,
        sessions: Sequence[str] | None = None,
        peer: str | None = None,
    ) -> list[str]:
        """The contents of what is found."""
        found = search(
            self.backends,
            workspace=self.workspace,
            query=query,
            limit=limit,
            where=where,
            sessions=sessions,
            peer=peer,
        )
        return [message.content for message in found]

    def with_embedder(self, embedder: WordEmbedder) -> "Searching":
        return replace(self, backends=replace(self.backends, models=FixedModels(ScriptedModel([]), embedder)))

    def by_words_only(self) -> "Searching":
        """The same without embeddings."""
        settings = self.backends.settings
        return replace(self, backends=replace(self.backends, settings=_without_embeddings(settings)))


def _without_embeddings(settings: Settings) -> Settings:
    return settings.model_copy(update={"app": AppSettings(embed_messages=False)})


def open_searching(dsn: str, workspace: str) -> Searching:
    """Backends over the database at `dsn`, as role `app`; the space must have been made."""
    settings = Settings.model_validate({"db": {"connection_uri": dsn}})
    db, embedder, clock = (
        open_database(settings.db),
        WordEmbedder(),
        MovableClock(),
    )
    backends = Backends(
        settings=settings,
        db=db,
        queue=AcceptingQueue(),
        models=FixedModels(ScriptedModel([]), embedder),
        vectors=PgIndex(db, lambda: embedder.space),
        clock=clock,
    )
    return Searching(backends, clock, workspace)


def make_space(owner_dsn: str) -> None:
    """The tables of the word embedder's space."""
    with psycopg.connect(owner_dsn) as conn:
        spaces.create(conn, WordEmbedder().space)
