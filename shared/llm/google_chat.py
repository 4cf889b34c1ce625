"""Chat models of Google's Gemini API."""

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from shared.domain.json import JsonObject
from shared.llm import forms
from shared.llm.failures import Objection
from shared.llm.google_endpoint import endpoint
from shared.llm.google_replies import Assembly, reply_from
from shared.llm.google_requests import Asked, request_of
from shared.llm.types import Completion, Delta, Reply, TextDelta
from shared.llm.wire import as_object
from shared.settings.models import ModelSpec
from shared.telemetry.logs import logger

_TIMEOUT_S: Final = 120.0
# How the API says that a model does not know something: the words of its complaint.
_ABOUT_LEVEL: Final = re.compile(r"minimal", re.IGNORECASE)
_ABOUT_THINKING: Final = re.compile(r"thinking|thought budget", re.IGNORECASE)
_ABOUT_FORM: Final = re.compile(r"response.?(?:json.?)?schema|response.?mime.?type|schema|json mode", re.IGNORECASE)
_ABOUT_TEMPERATURE: Final = re.compile(r"temperature", re.IGNORECASE)


class GoogleChat:
    """A chat model of Google. One attempt per call; what the model cannot do is left out for good."""

    def __init__(self, spec: ModelSpec) -> None:
        self._model = spec.model
        self._endpoint = endpoint(spec.base_url, spec.api_key)
        self.name: str = spec.name

    def complete(self, request: Completion) -> Reply:
        timeout_s = request.timeout_s or _TIMEOUT_S
        while True:
            asked = self._asked(request)
            try:
                data = self._endpoint.generate(self._model, asked, name=self.name, timeout_s=timeout_s)
            except Objection as objection:
                self._give_way(objection, asked, request)
            else:
                return reply_from(data, self.name)

    def stream(self, request: Completion) -> Iterator[Delta]:
        timeout_s = request.timeout_s or _TIMEOUT_S
        while True:
            asked = self._asked(request)
            answer = Assembly()
            try:
                with closing(self._endpoint.stream(self._model, asked, name=self.name, timeout_s=timeout_s)) as chunks:
                    for chunk in chunks:
                        if piece := answer.add(chunk):
                            yield TextDelta(piece)
            except Objection as objection:
                self._give_way(objection, asked, request)
            else:
                yield answer.reply(self.name)
                return

    def _asked(self, request: Completion) -> Asked:
        form = [] if request.answer is None else [forms.feature(request.answer)]
        features = ["thinking_minimal", "thinking", "temperature", *form]
        without = [one for one in features if (self._model, one) in self._endpoint.declined]
        return request_of(request, model=self._model, name=self.name, without=without)

    def _give_way(self, objection: Objection, asked: Asked, request: Completion) -> None:
        """Remember what the model objects to, so that the next request does without; else raise the objection."""
        feature = _objected(objection.said, asked.config, request)
        if feature is None or (self._model, feature) in self._endpoint.declined:
            raise objection
        self._endpoint.declined.add((self._model, feature))
        logger.warning("model_feature_declined", model=self.name, feature=feature)


def _objected(said: str, config: JsonObject, request: Completion) -> str | None:
    """The feature of `config` that the complaint is about."""
    thinking = as_object(config.get("thinking_config"))
    if thinking.get("thinking_level") == "MINIMAL" and _ABOUT_LEVEL.search(said):
        return "thinking_minimal"
    if thinking and _ABOUT_THINKING.search(said):
        return "thinking"
    if "temperature" in config and _ABOUT_TEMPERATURE.search(said):
        return "temperature"
    if "response_json_schema" in config and request.answer is not None and _ABOUT_FORM.search(said):
        return forms.feature(request.answer)
    return None


def open_chat(spec: ModelSpec) -> GoogleChat:
    """The model that `spec` names. Cheap: the SDK is imported and its client made by the first call."""
    return GoogleChat(spec)
