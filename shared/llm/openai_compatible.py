"""Chat models of OpenAI, and of every server that speaks its protocol."""

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from shared.domain.json import JsonObject
from shared.llm import forms
from shared.llm.failures import Objection
from shared.llm.openai_endpoint import endpoint
from shared.llm.openai_replies import Assembly, reply_from
from shared.llm.openai_requests import Dialect, Feature, request_body
from shared.llm.types import Completion, Delta, Reply, TextDelta
from shared.settings.models import ModelSpec
from shared.telemetry.logs import logger

_PATH: Final = "/chat/completions"
_TIMEOUT_S: Final = 120.0
# How a server says that it does not know something: the field it concerns, and words of the complaint.
_COMPLAINTS: Final[dict[Feature, tuple[str, re.Pattern[str]]]] = {
    "json_schema": ("response_format", re.compile(r"json.?schema|response.?format", re.IGNORECASE)),
    "temperature": ("temperature", re.compile(r"temperature", re.IGNORECASE)),
    "max_tokens": ("max_tokens", re.compile(r"max_completion_tokens")),
    "stream_options": ("stream_options", re.compile(r"stream_options")),
    "cache_control": ("messages", re.compile(r"cache_control")),
}
_EFFORTS: Final = ("none", "minimal", "low", "medium", "high")
_ABOUT_EFFORT: Final = re.compile(r"reasoning.?effort|reasoning\.effort", re.IGNORECASE)


class OpenAIChat:
    """A chat model behind OpenAI's protocol. One attempt per call; what the server cannot do is left out for good."""

    def __init__(self, spec: ModelSpec) -> None:
        self._model = spec.model
        self._endpoint = endpoint(spec.base_url, spec.api_key)
        self._never: tuple[str, ...] = ("json_schema",) if spec.provider == "groq" else ()
        self._dialect = Dialect(keeps_tools=spec.provider == "openai", marks_cache=spec.provider == "custom")
        self.name: str = spec.name

    def complete(self, request: Completion) -> Reply:
        timeout_s = request.timeout_s or _TIMEOUT_S
        while True:
            body = self._body(request)
            try:
                data = self._endpoint.post(_PATH, body, name=self.name, timeout_s=timeout_s)
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
                with closing(self._endpoint.stream(_PATH, body, name=self.name, timeout_s=timeout_s)) as chunks:
                    for chunk in chunks:
                        if piece := answer.add(chunk):
                            yield TextDelta(piece)
            except Objection as objection:
                self._give_way(objection, body, request)
            else:
                yield answer.reply(self.name)
                return

    def _body(self, request: Completion, *, stream: bool = False) -> JsonObject:
        return request_body(
            request,
            model=self._model,
            name=self.name,
            without=self._without(request),
            dialect=self._dialect,
            stream=stream,
        )

    def _without(self, request: Completion) -> list[str]:
        names = {feature: self._remembered(feature, request) for feature in (*_COMPLAINTS, *map(_effort, _EFFORTS))}
        declined = self._endpoint.declined
        return [*self._never, *(feature for feature, name in names.items() if (self._model, name) in declined)]

    def _remembered(self, feature: str, request: Completion) -> str:
        # That one schema is too much for a model says nothing about the next one.
        return forms.feature(request.answer) if feature == "json_schema" and request.answer else feature

    def _give_way(self, objection: Objection, body: JsonObject, request: Completion) -> None:
        """Remember what the server objects to, so that the next request does without; else raise the objection."""
        feature = _objected(objection.said, body, self._without(request))
        if feature is None:
            raise objection
        self._endpoint.declined.add((self._model, self._remembered(feature, request)))
        logger.warning("model_feature_declined", model=self.name, feature=feature)


def _objected(said: str, body: JsonObject, known: list[str]) -> str | None:
    """The feature of `body` that the complaint is about, if it was not known before."""
    effort = body.get("reasoning_effort")
    if effort is not None and _ABOUT_EFFORT.search(said):
        return _effort(str(effort))
    for feature, (field, complaint) in _COMPLAINTS.items():
        if field in body and feature not in known and complaint.search(said):
            return feature
    return None


def _effort(effort: str) -> str:
    return f"effort_{effort}"


def open_chat(spec: ModelSpec) -> OpenAIChat:
    """The model that `spec` names. Cheap: the SDK is imported and its client made by the first call."""
    return OpenAIChat(spec)
