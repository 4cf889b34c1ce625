"""Chat models of OpenAI, and of every server that speaks its protocol."""

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from shared.domain.json import JsonObject
from shared.llm.openai_endpoint import Objection, endpoint
from shared.llm.openai_replies import Assembly, reply_from
from shared.llm.openai_requests import Feature, request_body
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
}


class OpenAIChat:
    """A chat model behind OpenAI's protocol. One attempt per call; what the server cannot do is left out for good."""

    def __init__(self, spec: ModelSpec) -> None:
        self._model = spec.model
        self._endpoint = endpoint(spec.base_url, spec.api_key)
        self._never: tuple[Feature, ...] = ("json_schema",) if spec.provider == "groq" else ()
        self.name: str = spec.name

    def complete(self, request: Completion) -> Reply:
        timeout_s = request.timeout_s or _TIMEOUT_S
        while True:
            body = self._body(request)
            try:
                data = self._endpoint.post(_PATH, body, name=self.name, timeout_s=timeout_s)
            except Objection as objection:
                self._give_way(objection, body)
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
                self._give_way(objection, body)
            else:
                yield answer.reply(self.name)
                return

    def _body(self, request: Completion, *, stream: bool = False) -> JsonObject:
        return request_body(request, model=self._model, name=self.name, without=self._without(), stream=stream)

    def _without(self) -> list[Feature]:
        declined = self._endpoint.declined
        return [*self._never, *(feature for feature in _COMPLAINTS if (self._model, feature) in declined)]

    def _give_way(self, objection: Objection, body: JsonObject) -> None:
        """Remember what the server objects to, so that the next request does without; else raise the objection."""
        known = self._without()
        for feature, (field, complaint) in _COMPLAINTS.items():
            if field in body and feature not in known and complaint.search(objection.said):
                self._endpoint.declined.add((self._model, feature))
                logger.warning("model_feature_declined", model=self.name, feature=feature)
                return
        raise objection


def open_chat(spec: ModelSpec) -> OpenAIChat:
    """The model that `spec` names. Cheap: the SDK is imported and its client made by the first call."""
    return OpenAIChat(spec)
