"""Work that is interrupted between two of its steps, while something else is done from end to end."""

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from shared.domain.json import Json
from shared.domain.vector import EmbeddingSpace, Vector
from shared.llm.provider import Embedder
from shared.llm.types import Completion, Reply, UserTurn
from shared.store.database import Connection, Database
from shared.vectors.pg import PgIndex
from tests.support.backends import AnsweringModel
from tests.support.erasing import repeated
from tests.support.scripted_model import FixedModels, calls
from tests.support.workplace import Workplace

_SHOWN = re.compile(r"^\[[^\]]+\] (.*) \(id: ([\w-]+)\)$", re.MULTILINE)


@dataclass
class Moments:
    """Counts the steps of a piece of work; before the one of that `number`, from 1, `then` is done."""

    number: int
    then: Callable[[], object]
    passed: int = field(default=0, init=False)

    def passes(self) -> None:
        self.passed += 1
        if self.passed == self.number:
            self.then()

    @property
    def came(self) -> bool:
        return self.passed >= self.number


class _Database(Database):
    """The database of `inner`: each borrowing of a connection is a step."""

    def __init__(self, inner: Database, moments: Moments) -> None:
        self.__dict__.update(inner.__dict__)
        self._moments = moments

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        self._moments.passes()
        with super().transaction() as conn:
            yield conn

    @contextmanager
    def reading(self) -> Generator[Connection]:
        self._moments.passes()
        with super().reading() as conn:
            yield conn


@dataclass
class _Embedder:
    inner: Embedder
    moments: Moments

    @property
    def space(self) -> EmbeddingSpace:
        return self.inner.space

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.moments.passes()
        return self.inner.embed(texts)


class Echo(AnsweringModel):
    """Says what it is shown: as facts, a summary, a dream's conclusions and its card, each resting on what it says."""

    def __init__(self, moments: Moments | None = None) -> None:
        super().__init__(repeated)
        self._moments = moments

    def complete(self, request: Completion) -> Reply:
        reply = self._dreamt(request) if request.purpose.startswith("dream") else super().complete(request)
        if self._moments is not None:
            # When it has been read, and before it is heard of.
            self._moments.passes()
        return reply

    def _dreamt(self, request: Completion) -> Reply:
        [question] = [turn.text for turn in request.turns if isinstance(turn, UserTurn)][:1]
        shown = [(text, one) for text, one in _SHOWN.findall(question) if not text.startswith("so ")]
        if len(request.turns) > 2 or not shown or request.purpose == "dream_induction":
            return Reply("done", model="echo")
        if request.purpose == "dream_card":
            lines: list[Json] = [{"text": f"ATTRIBUTE: {text}", "source_ids": [one]} for text, one in shown]
            return calls(("rewrite_card", {"lines": lines}))
        found: list[Json] = [{"content": f"so {text}", "source_ids": [one]} for text, one in shown]
        return calls(("conclude_deductions", {"deductions": found}))


def echoing(place: Workplace) -> Workplace:
    """The place with a model that says what it is shown, and no gates."""
    place = place.configured(
        deriver={"flush_enabled": True}, summary={"messages_per_short_summary": 10, "messages_per_long_summary": 20}
    )
    return replace(place, backends=replace(place.backends, models=FixedModels(Echo(), place.embedder)))


def interrupted(place: Workplace, moments: Moments) -> Workplace:
    """The same place, each step of whose work passes `moments`."""
    db = _Database(place.backends.db, moments)
    embedder = _Embedder(place.embedder, moments)
    vectors = PgIndex(db, lambda: embedder.space)
    models = FixedModels(Echo(moments), embedder)
    return replace(place, backends=replace(place.backends, db=db, vectors=vectors, models=models))
