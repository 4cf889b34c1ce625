"""Scenes in which a setting shows what it does: everything is real but the models, and what they are asked is kept."""

import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from httpx2 import Response
from pydantic import SecretStr
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.domain.conclusion import Collection
from shared.domain.dream import DreamRequest
from shared.domain.message import MessageDraft
from shared.domain.work import TaskKind
from shared.llm.provider import ChatModel
from shared.llm.types import Completion, Reply, ToolTurn
from shared.memory import dreams
from shared.memory.indexing import index_messages
from shared.reasoning.derive import derive
from shared.reasoning.dialectic import Question, answer
from shared.reasoning.dream import dream
from shared.reasoning.summarize import summarize
from shared.settings import Settings
from shared.settings.models import ReasoningLevel
from shared.settings.sources import resolve
from tests.support.backends import AnsweringModel, FrozenClock, RecordingQueue, TinyEmbedder, facts, make_backends
from tests.support.scripted_model import FixedModels, calls
from tests.support.workplace import Workplace

# So that single messages are derived at once and no network is needed.
USUAL = {"DERIVER_FLUSH_ENABLED": "true", "OFFLINE_ENABLED": "true"}


class ToolLover(AnsweringModel):
    """Calls the tool `name` whenever it may, and keeps what it was asked."""

    def __init__(self, name: str, arguments: Mapping[str, Any]) -> None:
        super().__init__(lambda _: "done")
        self._call = calls((name, dict(arguments)))

    def complete(self, request: Completion) -> Reply:
        if request.tools and request.choice != "none":
            self.requests.append(request)
            return self._call
        return super().complete(request)


@dataclass
class Scene(Workplace):
    """A workspace of its own under the settings of some variables."""

    folder: Path = field(default_factory=Path)

    @property
    def settings(self) -> Settings:
        return self.backends.settings

    def derives(self, *texts: str, model: AnsweringModel | None = None) -> list[Completion]:
        """Say these and derive; gives what the model was asked."""
        asked = model or AnsweringModel(lambda _: facts())
        self.says("s", *(("ada", text) for text in texts or ("I live in Porto.",)))
        for wake_up in self.queue.take(TaskKind.DERIVE):
            derive(self.served_by(asked), wake_up)
        return asked.requests

    def summarizes(self, messages: int = 60) -> list[Completion]:
        """Say that many messages, one at a time; gives what the model was asked."""
        asked = AnsweringModel(lambda _: "A summary.")
        for number in range(messages):
            self.says("s", ("ada", f"message {number}"))
            for wake_up in self.queue.take(TaskKind.SUMMARY):
                summarize(self.served_by(asked), wake_up)
        return asked.requests

    def answers(self, level: ReasoningLevel, *, model: AnsweringModel | None = None) -> list[Completion]:
        """Ask about ada, who has said something in a session; gives what the model was asked."""
        asked = model or AnsweringModel(lambda _: "In Porto.")
        self.says("s", *(("ada", f"I live in Porto, I have said {number} times.") for number in range(20)))
        question = Question(self.workspace, "ada", "ada", "Where does ada live?", level, session="s")
        answer(self.served_by(asked), question)
        return asked.requests

    def dreams(self, *, model: AnsweringModel | None = None) -> list[Completion]:
        """Know something and dream about it; gives what the model was asked."""
        asked = model or AnsweringModel(lambda _: "done")
        self.derives("I live in Porto.", model=AnsweringModel(lambda _: facts("ada lives in Porto")))
        dreams.schedule(self.backends, DreamRequest(Collection(self.workspace, "ada", "ada"), "omni", "manual"))
        for wake_up in self.queue.take(TaskKind.DREAM):
            dream(self.served_by(asked), wake_up)
        return asked.requests

    def indexes(self, *texts: str) -> list[str]:
        """Say these and index them; gives the texts that were embedded."""
        self.says("s", *(MessageDraft("ada", text) for text in texts))
        for wake_up in self.queue.take(TaskKind.INDEX):
            index_messages(self.backends, wake_up)
        return self.embedder.asked

    def requests(self, method: str, path: str, **more: Any) -> Response:
        """The answer of the API; paths are relative to the workspace, or absolute."""
        client = TestClient(create_app(self.backends), raise_server_exceptions=False)
        at = path if path.startswith("/v3") else f"/v3/workspaces/{self.workspace}{path}"
        return client.request(method, at, **more)


@dataclass(frozen=True)
class Effect:
    """Another value of a setting, and what is to be seen of it: `observe` must not give what it usually gives.

    `given` are further variables, in force with and without the other value.
    """

    value: str
    observe: Callable[[Scene], object]
    given: Mapping[str, str] = field(default_factory=dict[str, str])


@contextmanager
def scene(app_dsn: str, folder: Path, env: Mapping[str, str]) -> Generator[Scene]:
    """A scene under these variables. What is not there yet may be set all the same."""
    settings = resolve(env={**USUAL, **env}, folder=folder).settings
    here = settings.db.model_copy(update={"connection_uri": SecretStr(app_dsn)})
    embedder, queue, clock = TinyEmbedder(), RecordingQueue(), FrozenClock()
    model: ChatModel = AnsweringModel(lambda _: facts())
    backends = make_backends(
        app_dsn,
        models=FixedModels(model, embedder),
        settings=settings.model_copy(update={"db": here}),
        clock=clock,
        queue=queue,
    )
    try:
        yield Scene(replace(backends), f"w-{uuid.uuid4().hex[:10]}", clock, queue, embedder, folder)
    finally:
        backends.db.close()


def tool_texts(requests: Sequence[Completion]) -> list[str]:
    """What tools said, in the last request."""
    return [turn.text for turn in requests[-1].turns if isinstance(turn, ToolTurn)]
