"""Chat models of Anthropic."""

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from shared.domain.json import JsonObject
from shared.llm import forms
from shared.llm.anthropic_endpoint import endpoint
from shared.llm.anthropic_replies import Assembly, reply_from
from shared.llm.anthropic_requests import request_body
from shared.llm.failures import Objection
from shared.llm.types import Completion, Delta, Reply, TextDelta
from shared.llm.wire import as_object
from shared.settings.models import ModelSpec
from shared.telemetry.logs import logger

_TIMEOUT_S: Final = 120.0
_THINKING: Final = ("enabled", "adaptive", "disabled", "between_tools")
# How the API says that a model does not know something: the words of its complaint.
_ABOUT_THINKING: Final = re.compile(r"thinking|budget_tokens", re.IGNORECASE)
_ABOUT_EFFORT: Final = re.compile(r"effort", re.IGNORECASE)
_ABOUT_FORM: Final = re.compile(r"output_config\.format|output_format|json_schema|schema|structured", re.IGNORECASE)
_ABOUT_CHOICE: Final = re.compile(r"tool_choice", re.IGNORECASE)


class AnthropicChat:
    """A chat model of Anthropic. One attempt per call; what the model cannot do is left out for good."""

    def __init__(self, spec: ModelSpec) -> None:
        self._model = spec.model
        self._endpoint = endpoint(spec.base_url, spec.api_key)
        self.name: str = spec.name

    def complete(self, request: Completion) -> Reply:
        timeout_s = request.timeout_s or _TIMEOUT_S
        while True:
            body = self._body(request)
            try:
                data = self._endpoint.post(body, name=self.name, timeout_s=timeout_s)
            except Objection as objection:
                self._give_way(objection, body, request)
            else:
                return reply_from(data, self.name)

    def stream(self, request: Completion) -> Iterator[Delta]:
        timeout_s = request.timeout_s or _TIMEOUT_S
        while True:
            body = self._body(request, stream=True)
            answer = Assembly()
            try:
                with closing(self._endpoint.stream(body, name=self.name, timeout_s=timeout_s)) as events:
                    for event in events:
                        if piece := answer.add(event):
                            yield TextDelta(piece)
            except Objection as objection:
                self._give_way(objection, body, request)
            else:
                yield answer.reply(self.name)
                return

    def _body(self, request: Completion, *, stream: bool = False) -> JsonObject:
        without = [one for one in _features(request) if (self._model, one) in self._endpoint.declined]
        return request_body(request, model=self._model, name=self.name, without=without, stream=stream)

    def _give_way(self, objection: Objection, body: JsonObject, request: Completion) -> None:
        """Remember what the model objects to, so that the next request does without; else raise the objection."""
        feature = _objected(objection.said, body, request)
        if feature is None or (self._model, feature) in self._endpoint.declined:
            raise objection
        self._endpoint.declined.add((self._model, feature))
        logger.warning("model_feature_declined", model=self.name, feature=feature)


def _features(request: Completion) -> list[str]:
    form = [] if request.answer is None else [forms.feature(request.answer)]
    return [*(f"thinking_{form}" for form in _THINKING), "effort", "forced_choice", *form]


def _objected(said: str, body: JsonObject, request: Completion) -> str | None:
    """The feature of `body` that the complaint is about."""
    config = as_object(body.get("output_config"))
    is_forced = as_object(body.get("tool_choice")).get("type") in ("any", "tool")
    if is_forced and _ABOUT_CHOICE.search(said):
        return "forced_choice"
    if "thinking" in body and _ABOUT_THINKING.search(said):
        return f"thinking_{as_object(body['thinking']).get('type')}"
    if "effort" in config and _ABOUT_EFFORT.search(said):
        return "effort"
    if "format" in config and request.answer is not None and _ABOUT_FORM.search(said):
        return forms.feature(request.answer)
    return None


def open_chat(spec: ModelSpec) -> AnthropicChat:
    """The model that `spec` names. Cheap: the SDK is imported and its client made by the first call."""
    return AnthropicChat(spec)
