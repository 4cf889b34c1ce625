"""Chat models of Anthropic."""

import re
from collections.abc import Collection, Generator
from typing import Final

from shared.domain.json import JsonObject
from shared.llm.adapter import SCHEMA, SdkChat
from shared.llm.anthropic_endpoint import endpoint
from shared.llm.anthropic_replies import Assembly, reply_from
from shared.llm.anthropic_requests import request_body
from shared.llm.types import Completion, Reply
from shared.llm.wire import as_object
from shared.settings.models import ModelSpec

# How the API says that a model does not know something: the words of its complaint.
_ABOUT_THINKING: Final = re.compile(r"thinking|budget_tokens", re.IGNORECASE)
_ABOUT_EFFORT: Final = re.compile(r"effort", re.IGNORECASE)
_ABOUT_FORM: Final = re.compile(r"output_config\.format|output_format|json_schema|schema|structured", re.IGNORECASE)
_ABOUT_CHOICE: Final = re.compile(r"tool_choice", re.IGNORECASE)


class Anthropic:
    """One model in the protocol of Anthropic's Messages API."""

    features = (
        *("thinking_enabled", "thinking_adaptive", "thinking_disabled", "thinking_between_tools"),
        *("effort", "forced_choice", SCHEMA),
    )
    never = ()

    def __init__(self, spec: ModelSpec) -> None:
        self.name = spec.name
        self._model = spec.model
        self._endpoint = endpoint(spec.base_url, spec.api_key)
        self.declined = self._endpoint.declined

    def asked(self, request: Completion, *, without: Collection[str], stream: bool) -> JsonObject:
        return request_body(request, model=self._model, name=self.name, without=without, stream=stream)

    def objected(self, said: str, asked: JsonObject, *, known: Collection[str]) -> str | None:
        config = as_object(asked.get("output_config"))
        is_forced = as_object(asked.get("tool_choice")).get("type") in ("any", "tool")
        if is_forced and _ABOUT_CHOICE.search(said):
            return "forced_choice"
        if "thinking" in asked and _ABOUT_THINKING.search(said):
            return f"thinking_{as_object(asked['thinking']).get('type')}"
        if "effort" in config and _ABOUT_EFFORT.search(said):
            return "effort"
        return SCHEMA if "format" in config and _ABOUT_FORM.search(said) else None

    def answer(self, asked: JsonObject, *, timeout_s: float) -> JsonObject:
        return self._endpoint.post(asked, name=self.name, timeout_s=timeout_s)

    def events(self, asked: JsonObject, *, timeout_s: float) -> Generator[JsonObject]:
        return self._endpoint.stream(asked, name=self.name, timeout_s=timeout_s)

    def reply(self, data: JsonObject) -> Reply:
        return reply_from(data, self.name)

    def assembly(self) -> Assembly:
        return Assembly()


def open_chat(spec: ModelSpec) -> SdkChat[JsonObject]:
    """The model that `spec` names. Cheap: the SDK is imported and its client made by the first call."""
    return SdkChat(Anthropic(spec))
