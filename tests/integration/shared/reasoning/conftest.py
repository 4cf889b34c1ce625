"""A memory in a real Postgres, with models a test controls."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest

from shared.backends import Backends
from shared.domain.conclusion import Collection, ConclusionDraft, Level
from shared.domain.json import Json
from shared.domain.message import Message, MessageDraft
from shared.domain.work import TaskKind, WakeUp
from shared.llm.types import ToolCall
from shared.memory import conclude
from shared.memory.indexing import index_messages
from shared.memory.record import record_messages
from shared.reasoning.toolkit import ToolSet, Used
from shared.reasoning.tools import READING
from shared.reasoning.tools.context import ToolContext, WorkspaceContext
from shared.settings import Settings
from shared.settings.sections import DbSettings
from shared.store.database import open_database
from shared.vectors import spaces
from shared.vectors.pg import PgIndex
from tests.support.scripted_model import FixedModels, Line, ScriptedModel
from tests.support.word_embedder import WordEmbedder

THEN = datetime(2031, 5, 6, 7, 0, tzinfo=UTC)


@dataclass
class KeepingQueue:
    """Accepts every wake-up and keeps it."""

    kept: list[WakeUp] = field(default_factory=list[WakeUp])

    def send(self, wake_ups: Sequence[WakeUp]) -> list[WakeUp]:
        self.kept += wake_ups
        return list(wake_ups)


@dataclass(frozen=True)
class FrozenClock:
    """Always the same moment."""

    moment: datetime = THEN + timedelta(days=1)

    def now(self) -> datetime:
        return self.moment


@dataclass(frozen=True)
class Tools:
    """The tools of one question, used as a model uses them."""

    set: ToolSet

    def use(self, name: str, **arguments: Json) -> Used:
        [used] = self.set.use([ToolCall("call", name, arguments)])
        return used

    def say(self, name: str, **arguments: Json) -> str:
        """What the model reads."""
        return self.use(name, **arguments).result.text


@dataclass
class Memory:
    """One workspace and what may be done in it."""

    backends: Backends
    queue: KeepingQueue
    embedder: WordEmbedder
    workspace: str

    def asks(self, *script: Line) -> tuple[Backends, ScriptedModel]:
        """The backends with a model that follows `script`."""
        model = ScriptedModel(script)
        return replace(self.backends, models=FixedModels(model, self.embedder)), model

    def tools(self, observer: str, observed: str, **more: Any) -> Tools:
        """All reading tools over one collection; `more` as in a question's context."""
        context = ToolContext(self.backends, Collection(self.workspace, observer, observed), **more)
        return Tools(ToolSet(READING, context, max_output_chars=self.backends.settings.llm.max_tool_output_chars))

    def workspace_tools(self, **more: Any) -> Tools:
        """All reading tools over the workspace."""
        context = WorkspaceContext(self.backends, self.workspace, **more)
        return Tools(ToolSet(READING, context, max_output_chars=self.backends.settings.llm.max_tool_output_chars))

    def hears(self, session: str, *said: tuple[str, str]) -> list[Message]:
        """Messages, one minute apart, recorded and indexed."""
        drafts = [
            MessageDraft(peer, text, created_at=THEN + timedelta(minutes=place))
            for place, (peer, text) in enumerate(said)
        ]
        stored = record_messages(self.backends, self.workspace, session, drafts)
        for wake_up in [one for one in self.queue.kept if one.unit.kind is TaskKind.INDEX]:
            index_messages(self.backends, wake_up)
        self.queue.kept.clear()
        return stored

    def concludes(
        self,
        observer: str,
        observed: str,
        session: str | None,
        *contents: str,
        level: Level = "explicit",
        messages: Sequence[Message] = (),
        sources: Sequence[str] = (),
    ) -> list[str]:
        """Conclusions, saved and indexed; their ids in order. They rest on `messages` or on the ids `sources`."""
        ids = tuple(message.id for message in messages)
        drafts = [ConclusionDraft(content, level, session, ids, THEN, tuple(sources)) for content in contents]
        saving = conclude.prepare(self.backends, self.workspace, observed, [observer], drafts)
        with self.backends.db.transaction() as conn:
            saved = saving.write(self.backends, conn)
        conclude.index(self.backends, saved, saving.vectors)
        by_content = {one.content: one.id for one in saved}
        return [by_content[content] for content in contents]


@pytest.fixture(scope="module")
def store(database_dsn: str, owner_dsn: str) -> Generator[Backends]:
    embedder = WordEmbedder()
    with psycopg.connect(owner_dsn) as conn:
        spaces.create(conn, embedder.space)
    settings = Settings(db=DbSettings.model_validate({"connection_uri": database_dsn}))
    db = open_database(settings.db)
    models = FixedModels(ScriptedModel([]), embedder)
    yield Backends(settings, db, KeepingQueue(), models, PgIndex(db, lambda: embedder.space), FrozenClock())
    db.close()


@pytest.fixture
def memory(store: Backends, request: pytest.FixtureRequest) -> Memory:
    """An empty workspace of the test's own."""
    queue, embedder = KeepingQueue(), WordEmbedder()
    mine = replace(store, queue=queue, models=FixedModels(ScriptedModel([]), embedder))
    name = "".join(letter for letter in request.node.name if letter.isalnum() or letter in "_-")
    return Memory(mine, queue, embedder, name)


@pytest.fixture
def dice(monkeypatch: pytest.MonkeyPatch) -> Random:
    """Where ids come from."""
    thrown = Random()
    monkeypatch.setattr("secrets.token_bytes", thrown.randbytes)
    return thrown
