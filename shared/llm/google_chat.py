"""Chat models of Google's Gemini API."""

import re
from collections.abc import Collection, Generator
from typing import Final

from shared.domain.json import JsonObject
from shared.llm.adapter import SCHEMA, SdkChat
from shared.llm.google_endpoint import endpoint
from shared.llm.google_replies import Assembly, reply_from
from shared.llm.google_requests import Asked, request_of
from shared.llm.types import Completion, Reply
from shared.llm.wire import as_object
from shared.settings.models import ModelSpec

# How the API says that a model does not know something: the words of its complaint.
_ABOUT_LEVEL: Final = re.compile(r"minimal", re.IGNORECASE)
_ABOUT_THINKING: Final = re.compile(r"thinking|thought budget", re.IGNORECASE)
_ABOUT_FORM: Final = re.compile(r"response.?mime.?type|schema|json mode", re.IGNORECASE)
_ABOUT_TEMPERATURE: Final = re.compile(r"temperature", re.IGNORECASE)


class Google:
    """One model in the protocol of the Gemini API."""

    features = ("thinking_minimal", "thinking", "temperature", SCHEMA)
    never = ()

    def __init__(self, spec: ModelSpec) -> None:
        self.name = spec.name
        self._model = spec.model
        self._endpoint = endpoint(spec.base_url, spec.api_key)
        self.declined = self._endpoint.declined

    def asked(self, request: Completion, *, without: Collection[str], stream: bool) -> Asked:
        # Whether it is streamed is said by the address.
        return request_of(request, model=self._model, name=self.name, without=without)

    def objected(self, said: str, asked: Asked, *, known: Collection[str]) -> str | None:
        config = asked.config
        thinking = as_object(config.get("thinking_config"))
        if thinking.get("thinking_level") == "MINIMAL" and _ABOUT_LEVEL.search(said):
            return "thinking_minimal"
        if thinking and _ABOUT_THINKING.search(said):
            return "thinking"
        if "temperature" in config and _ABOUT_TEMPERATURE.search(said):
            return "temperature"
        return SCHEMA if "response_json_schema" in config and _ABOUT_FORM.search(said) else None

    def answer(self, asked: Asked, *, timeout_s: float) -> JsonObject:
        return self._endpoint.generate(self._model, asked, name=self.name, timeout_s=timeout_s)

    def events(self, asked: Asked, *, timeout_s: float) -> Generator[JsonObject]:
        return self._endpoint.stream(self._model, asked, name=self.name, timeout_s=timeout_s)

    def reply(self, data: JsonObject) -> Reply:
        return reply_from(data, self.name)

    def assembly(self) -> Assembly:
        return Assembly()


def open_chat(spec: ModelSpec) -> SdkChat[Asked]:
    """The model that `spec` names. Cheap: the SDK is imported and its client made by the first call."""
    return SdkChat(Google(spec))
