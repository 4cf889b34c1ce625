"""What the adapters of all vendors do alike: one attempt per call, and never again what a model has objected to."""

from collections.abc import Collection, Generator, Iterator
from contextlib import closing
from typing import Final, Generic, Protocol, TypeVar

from shared.domain.json import JsonObject
from shared.llm import forms
from shared.llm.failures import Declined, Objection
from shared.llm.sound import SoundPieces, sound
from shared.llm.types import Completion, Delta, Reply, TextDelta
from shared.telemetry.logs import logger

A = TypeVar("A")

SCHEMA: Final = "json_schema"
_TIMEOUT_S: Final = 120.0


class Assembly(Protocol):
    """A streamed answer, put together event by event."""

    def add(self, event: JsonObject, /) -> str: ...

    def reply(self, name: str) -> Reply: ...


class Vendor(Protocol[A]):
    """One model in its vendor's protocol. `A` is a request as it goes to the SDK."""

    @property
    def name(self) -> str: ...

    @property
    def declined(self) -> Declined: ...

    @property
    def features(self) -> tuple[str, ...]:
        """What a model may object to."""
        ...

    @property
    def never(self) -> tuple[str, ...]:
        """What this server is known not to take."""
        ...

    def asked(self, request: Completion, *, without: Collection[str], stream: bool) -> A: ...

    def objected(self, said: str, asked: A, *, known: Collection[str]) -> str | None:
        """The feature of `asked` that the complaint is about."""
        ...

    def answer(self, asked: A, *, timeout_s: float) -> JsonObject: ...

    def events(self, asked: A, *, timeout_s: float) -> Generator[JsonObject]: ...

    def reply(self, data: JsonObject) -> Reply: ...

    def assembly(self) -> Assembly: ...


class SdkChat(Generic[A]):
    """A chat model behind a vendor's SDK. One attempt per call; what the model cannot do is left out for good."""

    def __init__(self, vendor: Vendor[A]) -> None:
        self._vendor = vendor
        self.name: str = vendor.name

    def complete(self, request: Completion) -> Reply:
        timeout_s = request.timeout_s or _TIMEOUT_S
        while True:
            asked = self._asked(request, stream=False)
            try:
                data = self._vendor.answer(asked, timeout_s=timeout_s)
            except Objection as objection:
                self._give_way(objection, asked, request)
            else:
                return sound(self._vendor.reply(data))

    def stream(self, request: Completion) -> Iterator[Delta]:
        timeout_s = request.timeout_s or _TIMEOUT_S
        while True:
            asked = self._asked(request, stream=True)
            answer, pieces = self._vendor.assembly(), SoundPieces()
            try:
                with closing(self._vendor.events(asked, timeout_s=timeout_s)) as events:
                    for event in events:
                        if piece := pieces.next(answer.add(event)):
                            yield TextDelta(piece)
            except Objection as objection:
                self._give_way(objection, asked, request)
            else:
                if rest := pieces.rest():
                    yield TextDelta(rest)
                yield sound(answer.reply(self.name))
                return

    def _asked(self, request: Completion, *, stream: bool) -> A:
        return self._vendor.asked(request, without=self._without(request), stream=stream)

    def _without(self, request: Completion) -> list[str]:
        vendor = self._vendor
        known = [one for one in vendor.features if (self.name, _remembered(one, request)) in vendor.declined]
        return [*vendor.never, *known]

    def _give_way(self, objection: Objection, asked: A, request: Completion) -> None:
        """Remember what the model objects to, so that the next request does without; else raise the objection."""
        known = self._without(request)
        feature = self._vendor.objected(objection.said, asked, known=known)
        if feature is None or feature in known:
            raise objection
        self._vendor.declined.add((self.name, _remembered(feature, request)))
        logger.warning("model_feature_declined", model=self.name, feature=feature)


def _remembered(feature: str, request: Completion) -> str:
    # That one schema is too much for a model says nothing about the next one.
    return forms.feature(request.answer) if feature == SCHEMA and request.answer is not None else feature
