"""The vendors of embeddings, each with its own protocol behind the same words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from shared.domain.json import JsonObject
from shared.llm import google_embeddings, openai_embeddings
from shared.llm.provider import Embedder
from shared.llm.retry import Pace
from shared.llm.wire import as_list, as_object, as_text
from shared.settings.models import EmbeddingProvider, EmbeddingSpec
from tests.support import google_server, openai_server
from tests.support.scripted_server import Received, Scripted, ScriptedServer

LIMIT, REQUEST_LIMIT = 2048, 300_000


class EmbeddingWorld(Protocol):
    """One vendor's server, and how to read what it was sent."""

    @property
    def label(self) -> str: ...

    @property
    def max_inputs(self) -> int:
        """Of one request, when the settings say nothing."""
        ...

    @property
    def too_long(self) -> str:
        """How a text is objected to that has too many tokens."""
        ...

    def spec(self, server: ScriptedServer, key: str) -> EmbeddingSpec: ...

    def open(self, spec: EmbeddingSpec, pace: Pace) -> Embedder: ...

    def vectors(self, *rows: Sequence[float]) -> Scripted: ...

    def failure(self, status: int, said: str, headers: Mapping[str, str] | None = None) -> Scripted: ...

    def texts(self, received: Received) -> list[str]: ...

    def key(self, received: Received) -> str: ...

    def body(self, *texts: str) -> JsonObject:
        """What a request for three dimensions has to be, to the letter."""
        ...


@dataclass(frozen=True)
class OpenAIEmbeddings:
    provider: EmbeddingProvider
    model: str = "text-embedding-test"
    is_base64: bool = True
    max_inputs: int = 2048
    too_long: str = "This model's maximum context length is 8192 tokens, however you requested 9000 tokens."

    @property
    def label(self) -> str:
        return f"{self.provider}/{self.model}"

    def spec(self, server: ScriptedServer, key: str) -> EmbeddingSpec:
        spec = EmbeddingSpec(self.provider, self.model, 3, LIMIT, REQUEST_LIMIT, key, f"{server.url}/v1")
        return spec if self.is_base64 else replace(spec, encoding_mode="float")

    def open(self, spec: EmbeddingSpec, pace: Pace) -> Embedder:
        return openai_embeddings.open_embedder(spec, pace)

    def vectors(self, *rows: Sequence[float]) -> Scripted:
        return openai_server.vectors(*rows, is_base64=self.is_base64)

    def failure(self, status: int, said: str, headers: Mapping[str, str] | None = None) -> Scripted:
        return openai_server.failure(status, said, headers=headers)

    def texts(self, received: Received) -> list[str]:
        return [as_text(text) for text in as_list(received.body["input"])]

    def key(self, received: Received) -> str:
        return received.headers["authorization"].removeprefix("Bearer ")

    def body(self, *texts: str) -> JsonObject:
        return {
            "model": self.model,
            "input": [*texts],
            "dimensions": 3,
            "encoding_format": "base64" if self.is_base64 else "float",
        }


@dataclass(frozen=True)
class GoogleEmbeddings:
    model: str
    provider: EmbeddingProvider = "gemini"
    max_inputs: int = 100
    too_long: str = "The input token count exceeds the maximum number of tokens allowed."

    @property
    def label(self) -> str:
        return f"{self.provider}/{self.model}"

    def spec(self, server: ScriptedServer, key: str) -> EmbeddingSpec:
        return EmbeddingSpec("gemini", self.model, 3, LIMIT, REQUEST_LIMIT, key, server.url)

    def open(self, spec: EmbeddingSpec, pace: Pace) -> Embedder:
        return google_embeddings.open_embedder(spec, pace)

    def vectors(self, *rows: Sequence[float]) -> Scripted:
        return google_server.embeddings(*rows)

    def failure(self, status: int, said: str, headers: Mapping[str, str] | None = None) -> Scripted:
        return google_server.failure(status, said, headers=headers)

    def _requests(self, received: Received) -> list[JsonObject]:
        return [as_object(request) for request in as_list(received.body["requests"])]

    def texts(self, received: Received) -> list[str]:
        contents = [as_object(request["content"]) for request in self._requests(received)]
        return [as_text(content["parts"]) for content in contents]

    def key(self, received: Received) -> str:
        return received.headers["x-goog-api-key"]

    def body(self, *texts: str) -> JsonObject:
        model = f"models/{self.model}"
        return {
            "requests": [
                {"model": model, "content": {"parts": [{"text": text}]}, "outputDimensionality": 3} for text in texts
            ]
        }


EMBEDDING_WORLDS: tuple[EmbeddingWorld, ...] = (
    OpenAIEmbeddings("openai"),
    OpenAIEmbeddings("openrouter", "openai/text-embedding-test"),
    OpenAIEmbeddings("custom", is_base64=False),
    GoogleEmbeddings("gemini-embedding-001"),
    GoogleEmbeddings("gemini-embedding-2"),
)
