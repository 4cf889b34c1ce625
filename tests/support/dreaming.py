"""A workplace whose offline model derives and dreams, and what may be seen of its dreams."""

import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import LiteralString, cast

from shared.domain.conclusion import Collection
from shared.domain.dream import DreamKind, DreamRequest
from shared.domain.errors import ModelUnavailable
from shared.domain.json import JsonObject
from shared.domain.message import MessageDraft
from shared.domain.vector import Vector
from shared.domain.work import TaskKind
from shared.llm.provider import ChatModel
from shared.llm.types import Completion, Reply, ToolTurn
from shared.memory import dreams
from shared.memory.relay import relay
from shared.reasoning.derive import derive
from shared.reasoning.dream import dream
from shared.store.dreams import unit_of
from tests.support.backends import AnsweringModel, FrozenClock, RecordingQueue, TinyEmbedder, offline_backends
from tests.support.scripted_model import FixedModels, Line, ScriptedModel
from tests.support.workplace import Row, Workplace

DREAMS: LiteralString = "SELECT * FROM dreams WHERE workspace = %(workspace)s ORDER BY requested_at, number"
CHANGES: LiteralString = """
SELECT c.*, k.content, s.content AS successor_content
  FROM dream_changes AS c
  JOIN dreams AS d ON d.workspace = c.workspace AND d.id = c.dream
  LEFT JOIN conclusions AS k ON k.workspace = c.workspace AND k.id = c.conclusion
  LEFT JOIN conclusions AS s ON s.workspace = c.workspace AND s.id = c.successor
 WHERE c.workspace = %(workspace)s AND c.action NOT IN ('card_made', 'line_kept')
 ORDER BY d.requested_at, c.dream, c.place
"""
SCHEDULE: LiteralString = """
SELECT * FROM collections WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s
"""


@dataclass
class Dreamland(Workplace):
    """A workspace in which things are said, concluded from and dreamt about."""

    def tells(self, peer: str, *texts: str, session: str = "s") -> None:
        """Say these one after the other, a minute apart, and let them be derived."""
        for text in texts:
            moment = self.clock.advance(minutes=1)
            self.says(session, MessageDraft(peer, text, created_at=moment))
            for wake_up in self.queue.take(TaskKind.DERIVE):
                derive(self.backends, wake_up)

    def asks_for(
        self, kind: DreamKind = "omni", observer: str = "ada", observed: str = "ada", *, is_rebuild: bool = False
    ) -> None:
        collection = Collection(self.workspace, observer, observed)
        dreams.schedule(self.backends, DreamRequest(collection, kind, "manual", is_rebuild=is_rebuild))

    def dreams_on(self, *, lasts: timedelta = timedelta(seconds=900)) -> int:
        """Do what was woken, in calls that last so long; gives how many wake-ups that were."""
        woken = self.queue.take(TaskKind.DREAM)
        for wake_up in woken:
            dream(self.backends, wake_up, lasts=lasts)
        return len(woken)

    def dreams_out(self) -> None:
        """Do what was woken until nothing more is."""
        for _ in range(20):
            relay(self.backends)
            if not self.dreams_on():
                return

    def dreaming_with(self, model: ChatModel) -> "Dreamland":
        """The same place, where `model` does all the thinking."""
        return replace(
            self, backends=replace(self.backends, models=FixedModels(model, self.backends.models.embedder()))
        )

    def configured(self, **sections: Mapping[str, object]) -> "Dreamland":
        return cast("Dreamland", super().configured(**sections))

    def levels(self) -> dict[str, list[str]]:
        """What is concluded, by level."""
        found: dict[str, list[str]] = {}
        for row in self.conclusions():
            found.setdefault(row["level"], []).append(row["content"])
        return found

    def dreams(self) -> list[Row]:
        return self.rows(DREAMS)

    def changes(self) -> list[Row]:
        return self.rows(CHANGES)

    def card(self, observer: str = "ada", observed: str = "ada") -> list[str] | None:
        rows = self.rows(
            "SELECT entries FROM peer_cards WHERE workspace = %(workspace)s"
            " AND observer = %(observer)s AND observed = %(observed)s",
            observer=observer,
            observed=observed,
        )
        return rows[0]["entries"] if rows else None

    def schedule(self, observer: str = "ada", observed: str = "ada") -> Row:
        [row] = self.rows(SCHEDULE, observer=observer, observed=observed)
        return row

    def dream_unit(self, observer: str = "ada", observed: str = "ada") -> Row:
        return self.unit_row(unit_of(Collection(self.workspace, observer, observed)))


@contextmanager
def dreamland(app_dsn: str, owner_dsn: str, **sections: Mapping[str, object]) -> Generator[Dreamland]:
    """An empty workspace over the offline models; nothing is due that earlier tests have left behind."""
    given = {"deriver": {"flush_enabled": True}, **sections}
    with offline_backends(app_dsn, owner_dsn, given) as opened:
        clock, queue = FrozenClock(), RecordingQueue()
        with opened.db.transaction() as conn:
            for table in ("collections", "work_windows", "work_items", "work_units"):
                conn.execute(f"DELETE FROM {table}")
        backends = replace(opened, clock=clock, queue=queue)
        yield Dreamland(backends, f"w-{uuid.uuid4().hex[:10]}", clock, queue, TinyEmbedder())


LIVE: LiteralString = """
SELECT id, content, level, observed FROM conclusions
 WHERE workspace = %(workspace)s AND deleted_at IS NULL ORDER BY created_at, content
"""


class Acting(AnsweringModel):
    """Says done, unless `act` makes a reply of the request."""

    def __init__(self, act: Callable[[Completion], Reply | None]) -> None:
        super().__init__(lambda _: "done")
        self.act = act

    def complete(self, request: Completion) -> Reply:
        reply = self.act(request)
        if reply is None:
            return super().complete(request)
        self.requests.append(request)
        return reply


class AwayEmbedder(TinyEmbedder):
    """Cannot be reached."""

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        raise ModelUnavailable


def without_embedder(land: Dreamland) -> Dreamland:
    models = land.backends.models
    assert isinstance(models, FixedModels)
    return replace(land, backends=replace(land.backends, models=replace(models, embeddings=AwayEmbedder())))


def ids(land: Dreamland) -> dict[str, str]:
    """The ids of what is concluded, by text."""
    return {row["content"]: row["id"] for row in land.rows(LIVE)}


def dreams_with(land: Dreamland, *script: Line) -> ScriptedModel:
    """A dream in which the first specialist follows the script and the others find nothing."""
    model = ScriptedModel([*script, "done", "done", "done"])
    land.asks_for()
    land.dreaming_with(model).dreams_on()
    return model


def told(model: ScriptedModel | AnsweringModel, turn: int = -1) -> str:
    """What the tools said before the request of that place."""
    return "\n".join(turn.text for turn in model.requests[turn].turns if isinstance(turn, ToolTurn))


def deduction(content: str, *source_ids: str) -> tuple[str, JsonObject]:
    return ("conclude_deductions", {"deductions": [{"content": content, "source_ids": list(source_ids)}]})
