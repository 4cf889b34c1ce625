"""The two protocols of the models, and the table of who speaks them."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Protocol, cast

from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm.types import Completion, Delta, Reply
from shared.settings.models import EmbeddingSpec, ModelSpec


class ChatModel(Protocol):
    """A chat model. Raises `ModelUnavailable` for what may pass, `ModelRefused` for what will not."""

    @property
    def name(self) -> str:
        """`provider/model`, as logs and ledgers show it."""
        ...

    def complete(self, request: Completion) -> Reply: ...

    def stream(self, request: Completion) -> Iterator[Delta]: ...


class Embedder(Protocol):
    """Turns texts into unit vectors of its space; vectors of two spaces are never compared."""

    @property
    def space(self) -> EmbeddingSpace:
        """Model and dimensions, known without loading weights or calling anybody."""
        ...

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text, in order. Texts over the model's limit are cut. Raises `ModelUnavailable`."""
        ...


class _ChatFactory(Protocol):
    def __call__(self, spec: ModelSpec) -> ChatModel: ...


class _Retrying(Protocol):
    def __call__(self, model: ChatModel, backup: ChatModel | None) -> ChatModel: ...


class _Heard(Protocol):
    def __call__(self, model: ChatModel) -> ChatModel: ...


class _HeardEmbedder(Protocol):
    def __call__(self, embedder: Embedder) -> Embedder: ...


class _EmbedderFactory(Protocol):
    def __call__(self, spec: EmbeddingSpec) -> Embedder: ...


# The SDKs are imported inside the factories: importing all of them costs two seconds of every cold start.
_CHAT = {
    "openai": "shared.llm.openai_compatible:open_chat",
    "custom": "shared.llm.openai_compatible:open_chat",
    "vllm": "shared.llm.openai_compatible:open_chat",
    "groq": "shared.llm.openai_compatible:open_chat",
    "anthropic": "shared.llm.anthropic_chat:open_chat",
    "google": "shared.llm.google_chat:open_chat",
    "offline": "shared.llm.offline:open_chat",
}
_EMBEDDERS = {
    "openai": "shared.llm.openai_embeddings:open_embedder",
    "gemini": "shared.llm.google_embeddings:open_embedder",
    "openrouter": "shared.llm.openai_embeddings:open_embedder",
    "custom": "shared.llm.openai_embeddings:open_embedder",
    "offline": "shared.llm.offline_embeddings:open_embedder",
}


def open_chat_model(spec: ModelSpec) -> ChatModel:
    """The model that `spec` names, with its retries and its backup."""
    model = cast(_Heard, _load("shared.llm.heard:HeardModel"))(cast(_ChatFactory, _load(_CHAT[spec.provider]))(spec))
    if spec.provider == "offline":
        return model
    # By name like the others: `retry` is written against `ChatModel`, and an import here would be a cycle.
    retrying = cast(_Retrying, _load("shared.llm.retry:Retrying"))
    return retrying(model, open_chat_model(spec.backup) if spec.backup is not None else None)


def open_embedder(spec: EmbeddingSpec) -> Embedder:
    embedder = cast(_EmbedderFactory, _load(_EMBEDDERS[spec.provider]))(spec)
    return cast(_HeardEmbedder, _load("shared.llm.heard:heard_embedder"))(embedder)


def _load(target: str) -> object:
    module, _, name = target.partition(":")
    return cast(object, getattr(import_module(module), name))
