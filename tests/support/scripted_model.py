"""A chat model that says what a test tells it to, and the models of a feature fixed by hand."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from shared.domain.dream import Specialist
from shared.domain.errors import ModelUnavailable
from shared.domain.json import JsonObject
from shared.domain.vector import EmbeddingSpace
from shared.llm.provider import ChatModel, Embedder
from shared.llm.types import Completion, Delta, Reply, TextDelta, ToolCall, Usage
from shared.settings.models import ReasoningLevel

Line: TypeAlias = Reply | str | Exception

_PIECE = 4


def calls(*wanted: tuple[str, JsonObject | None], text: str = "") -> Reply:
    """A reply that asks for tools: each a name and its arguments."""
    asked = tuple(ToolCall(f"call-{place}", name, arguments) for place, (name, arguments) in enumerate(wanted, 1))
    return Reply(text, asked, Usage(10, 2), "tool_calls", "scripted")


class ScriptedModel:
    """Plays its script line by line: a text or reply is given, an exception raised. Asking for more is an error."""

    name = "scripted/1"

    def __init__(self, script: Sequence[Line]) -> None:
        self._script = list(script)
        self._lock = threading.Lock()
        self.requests: list[Completion] = []
        self.streamed = 0

    def complete(self, request: Completion) -> Reply:
        with self._lock:
            self.requests.append(request)
            if not self._script:
                raise AssertionError("the script is over, and the model was asked again")
            line = self._script.pop(0)
        if isinstance(line, Exception):
            raise line
        return line if isinstance(line, Reply) else Reply(line, usage=Usage(10, 2, 4), model="scripted")

    def stream(self, request: Completion) -> Iterator[Delta]:
        """The same script in pieces of a few characters."""
        reply = self.complete(request)
        self.streamed += 1
        for start in range(0, len(reply.text), _PIECE):
            yield TextDelta(reply.text[start : start + _PIECE])
        yield reply

    @property
    def is_finished(self) -> bool:
        return not self._script


@dataclass(frozen=True)
class FixedModels:
    """The same chat model for every feature, beside one embedder."""

    chat: ChatModel
    embeddings: Embedder
    others: tuple[Embedder, ...] = ()
    levels: list[ReasoningLevel] = field(default_factory=list[ReasoningLevel])

    def deriver(self) -> ChatModel:
        return self.chat

    def summary(self) -> ChatModel:
        return self.chat

    def dialectic(self, level: ReasoningLevel) -> ChatModel:
        """Notes the level that was asked for."""
        self.levels.append(level)
        return self.chat

    def dream(self, specialist: Specialist) -> ChatModel:
        return self.chat

    def embedder(self) -> Embedder:
        return self.embeddings

    def embedder_in(self, space: EmbeddingSpace) -> Embedder:
        known = {one.space: one for one in (self.embeddings, *self.others)}
        if space not in known:
            raise ModelUnavailable(f"{space.model} is out of reach")
        return known[space]
