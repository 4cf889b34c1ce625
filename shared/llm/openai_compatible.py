"""Chat models of OpenAI, and of every server that speaks its protocol."""

import re
from collections.abc import Collection, Generator
from typing import Final

from shared.domain.json import JsonObject
from shared.llm.adapter import SCHEMA, SdkChat
from shared.llm.openai_endpoint import endpoint
from shared.llm.openai_replies import Assembly, reply_from
from shared.llm.openai_requests import Dialect, Feature, request_body
from shared.llm.types import Completion, Reply
from shared.settings.models import ModelSpec

_PATH: Final = "/chat/completions"
# How a server says that it does not know something: the field it concerns, and words of the complaint.
_COMPLAINTS: Final[dict[Feature, tuple[str, re.Pattern[str]]]] = {
    "json_schema": ("response_format", re.compile(r"json.?schema|response.?format", re.IGNORECASE)),
    "temperature": ("temperature", re.compile(r"temperature", re.IGNORECASE)),
    "max_tokens": ("max_tokens", re.compile(r"max_completion_tokens")),
    "stream_options": ("stream_options", re.compile(r"stream_options")),
    "cache_control": ("messages", re.compile(r"cache_control")),
}
_EFFORTS: Final = ("effort_none", "effort_minimal", "effort_low", "effort_medium", "effort_high")
_ABOUT_EFFORT: Final = re.compile(r"reasoning.?effort", re.IGNORECASE)


class OpenAI:
    """One model in the protocol of OpenAI's chat completions."""

    features = (*_COMPLAINTS, *_EFFORTS)

    def __init__(self, spec: ModelSpec) -> None:
        self.name = spec.name
        self.never: tuple[str, ...] = (SCHEMA,) if spec.provider == "groq" else ()
        self._dialect = Dialect(keeps_tools=spec.provider == "openai", marks_cache=spec.provider == "custom")
        self._model = spec.model
        self._endpoint = endpoint(spec.base_url, spec.api_key)
        self.declined = self._endpoint.declined

    def asked(self, request: Completion, *, without: Collection[str], stream: bool) -> JsonObject:
        return request_body(
            request, model=self._model, name=self.name, without=without, dialect=self._dialect, stream=stream
        )

    def objected(self, said: str, asked: JsonObject, *, known: Collection[str]) -> str | None:
        if "reasoning_effort" in asked and _ABOUT_EFFORT.search(said):
            return f"effort_{asked['reasoning_effort']}"
        for feature, (field, complaint) in _COMPLAINTS.items():
            if field in asked and feature not in known and complaint.search(said):
                return feature
        return None

    def answer(self, asked: JsonObject, *, timeout_s: float) -> JsonObject:
        return self._endpoint.post(_PATH, asked, name=self.name, timeout_s=timeout_s)

    def events(self, asked: JsonObject, *, timeout_s: float) -> Generator[JsonObject]:
        return self._endpoint.stream(_PATH, asked, name=self.name, timeout_s=timeout_s)

    def reply(self, data: JsonObject) -> Reply:
        return reply_from(data, self.name)

    def assembly(self) -> Assembly:
        return Assembly()


def open_chat(spec: ModelSpec) -> SdkChat[JsonObject]:
    """The model that `spec` names. Cheap: the SDK is imported and its client made by the first call."""
    return SdkChat(OpenAI(spec))
