"""Embedding models of OpenAI, OpenRouter, and of every server that speaks the protocol."""

import re
import struct
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from typing import Final, cast

from shared.domain.errors import ModelUnavailable
from shared.domain.json import Json, JsonObject
from shared.domain.vector import Vector
from shared.llm.embedding_cache import Cached
from shared.llm.embeddings import FIXED_DIMENSIONS, Answer, RemoteEmbedder, dimensions_of, family
from shared.llm.failures import Objection
from shared.llm.openai_endpoint import endpoint
from shared.llm.provider import Embedder
from shared.llm.retry import Pace
from shared.settings.models import DEFAULT_BASE_URLS, EmbeddingSpec
from shared.telemetry.logs import logger

_PATH: Final = "/embeddings"
_MAX_INPUTS: Final = 2048
_TOO_LONG: Final = re.compile(r"context length|too (?:long|large)|maximum.{0,40}tokens", re.IGNORECASE)
_OPTIONAL: Final = {
    "encoding_format": re.compile(r"encoding.?format|base64", re.IGNORECASE),
    "dimensions": re.compile(r"dimensions|matryoshka", re.IGNORECASE),
}


class OpenAIWire:
    """OpenAI's protocol. Fields that a server objects to, and that were not demanded, are left out from then on."""

    def __init__(self, spec: EmbeddingSpec, dimensions: int) -> None:
        self._model = spec.model
        self._name = f"{spec.provider}/{spec.model}"
        self._endpoint = endpoint(spec.base_url or DEFAULT_BASE_URLS.get(spec.provider), spec.api_key)
        self._fields: JsonObject = {"encoding_format": "float" if spec.encoding_mode == "float" else "base64"}
        is_fixed = family(spec.model) in FIXED_DIMENSIONS
        if spec.dimensions_mode == "always" or (spec.dimensions_mode == "auto" and not is_fixed):
            self._fields["dimensions"] = dimensions
        # What the operator insists on is sent although the server objects.
        insisted = {"dimensions": spec.dimensions_mode == "always", "encoding_format": spec.encoding_mode == "base64"}
        self._optional = {field: complaint for field, complaint in _OPTIONAL.items() if not insisted[field]}

    def ask(self, texts: Sequence[str], *, timeout_s: float) -> Answer:
        while True:
            body = self.request(texts)
            try:
                data = self._endpoint.post(_PATH, body, name=self._name, timeout_s=timeout_s)
                return Answer(self._rows(data), _tokens_taken(data))
            except Objection as objection:
                if not self._give_way(objection, body):
                    raise

    def is_too_long(self, objection: Objection) -> bool:
        return _TOO_LONG.search(objection.said) is not None

    def request(self, texts: Sequence[str]) -> JsonObject:
        """The body to be sent, without what this server has objected to."""
        declined = self._endpoint.declined
        wished = {field: value for field, value in self._fields.items() if (self._model, field) not in declined}
        return {"model": self._model, "input": [*texts], **wished}

    def _give_way(self, objection: Objection, body: JsonObject) -> bool:
        """Whether the server objects to a field it can do without, which is then remembered."""
        for field, complaint in self._optional.items():
            if field in body and complaint.search(objection.said):
                self._endpoint.declined.add((self._model, field))
                logger.warning("model_feature_declined", model=self._name, feature=field)
                return True
        return False

    def _rows(self, data: JsonObject) -> Sequence[Vector | None]:
        items = data.get("data")
        found: dict[int, Vector | None] = {}
        for position, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict):
                # Servers on protobuf leave the index 0 out.
                index = item.get("index", position)
                found[index if isinstance(index, int) else position] = _decoded(item.get("embedding"))
        if sorted(found) != list(range(len(found))):
            raise ModelUnavailable(f"{self._name} gave vectors for texts that were not sent")
        return [found[index] for index in range(len(found))]


def open_embedder(spec: EmbeddingSpec, pace: Pace | None = None) -> Embedder:
    """The embedder that `spec` names. Cheap: the SDK is imported by the first call."""
    return Cached(asking(spec, pace))


def asking(spec: EmbeddingSpec, pace: Pace | None = None) -> RemoteEmbedder:
    """The same, remembering nothing. Raises `Invalid` where dimensions are missing."""
    dimensions = dimensions_of(spec)
    return RemoteEmbedder(spec, dimensions, OpenAIWire(spec, dimensions), max_inputs=_MAX_INPUTS, pace=pace)


def _tokens_taken(data: JsonObject) -> int | None:
    usage = data.get("usage")
    told = usage.get("prompt_tokens") or usage.get("total_tokens") if isinstance(usage, dict) else None
    return told if isinstance(told, int) and told > 0 else None


def _decoded(wire: Json) -> list[float] | None:
    """A vector from base64 of little-endian floats, or from a plain list: some servers ignore the wished form."""
    try:
        if isinstance(wire, str):
            raw = b64decode(wire)
            return [*struct.unpack(f"<{len(raw) // 4}f", raw)]
        return [float(value) for value in cast(list[float], wire)] if isinstance(wire, list) else None
    except (Base64Error, struct.error, TypeError, ValueError):
        return None
