"""Embedding models of Google's Gemini API."""

import re
from collections.abc import Sequence
from typing import Final

from shared.llm.embedding_cache import Cached
from shared.llm.embeddings import Answer, RemoteEmbedder, dimensions_of
from shared.llm.failures import Objection
from shared.llm.google_endpoint import endpoint
from shared.llm.provider import Embedder
from shared.llm.retry import Pace
from shared.settings.models import EmbeddingSpec

_MAX_INPUTS: Final = 100
_TOO_LONG: Final = re.compile(r"input.{0,40}(?:too long|exceeds)|token (?:count|limit)|maximum.{0,40}tokens", re.I)


class GoogleWire:
    """The genuine google-genai SDK, one request per question or batch."""

    def __init__(self, spec: EmbeddingSpec, dimensions: int) -> None:
        self._model = spec.model
        self._name = f"{spec.provider}/{spec.model}"
        self._dimensions = dimensions
        self._endpoint = endpoint(spec.base_url, spec.api_key)

    def ask(self, texts: Sequence[str], *, timeout_s: float) -> Answer:
        found, count = self._endpoint.embed(
            self._model, texts, dimensions=self._dimensions, name=self._name, timeout_s=timeout_s
        )
        return Answer(found, count)

    def is_too_long(self, objection: Objection) -> bool:
        return _TOO_LONG.search(objection.said) is not None


def open_embedder(spec: EmbeddingSpec, pace: Pace | None = None) -> Embedder:
    """The embedder that `spec` names. Cheap: the SDK is imported by the first call."""
    dimensions = dimensions_of(spec)
    return Cached(RemoteEmbedder(spec, dimensions, GoogleWire(spec, dimensions), max_inputs=_MAX_INPUTS, pace=pace))
