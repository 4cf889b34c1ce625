"""One workspace in a real database, and what may be done and seen there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, LiteralString

from psycopg.rows import dict_row
from pydantic import SecretStr

from shared.backends import Backends
from shared.domain.message import Message, MessageDraft
from shared.domain.session import ObservationSettings
from shared.domain.work import Claim, TaskKind, WakeUp, WorkUnit
from shared.llm.provider import ChatModel
from shared.memory.planning import derive_gate
from shared.memory.record import record_messages
from shared.queue.sqs import WorkQueue
from shared.settings.sections import Section
from shared.store import members, peers, record, work
from shared.store.work import ClaimTerms
from tests.support.backends import FrozenClock, RecordingQueue, TinyEmbedder, make_backends
from tests.support.scripted_model import FixedModels, Line, ScriptedModel

UNIT: LiteralString = "SELECT * FROM work_units WHERE workspace = %(workspace)s AND unit = %(unit)s"
ITEMS: LiteralString = "SELECT * FROM work_items WHERE workspace = %(workspace)s AND unit = %(unit)s ORDER BY seq"
WINDOWS: LiteralString = """
SELECT * FROM work_windows WHERE workspace = %(workspace)s AND unit = %(unit)s ORDER BY committed_at, first_seq
"""
CONCLUSIONS: LiteralString = """
SELECT * FROM conclusions
 WHERE workspace = %(workspace)s AND deleted_at IS NULL
 ORDER BY observer, created_at, content
"""

Row = dict[str, Any]


@dataclass
class Workplace:
    """A workspace of a test's own with the doubles that stand around it."""

    backends: Backends
    workspace: str
    clock: FrozenClock
    queue: RecordingQueue
    embedder: TinyEmbedder

    def says(self, session: str, *said: tuple[str, str] | MessageDraft) -> list[Message]:
        """Record messages: an author and a text each, or whole drafts."""
        drafts = [one if isinstance(one, MessageDraft) else MessageDraft(*one) for one in said]
        return record_messages(self.backends, self.workspace, session, drafts)

    def joins(self, session: str, **joining: ObservationSettings) -> None:
        """Make these peers members of the session."""
        now = self.clock.now()
        with self.backends.db.transaction() as conn:
            record.ensure(conn, self.workspace, session, [], now)
            peers.ensure(conn, self.workspace, joining, now)
            members.join(conn, self.workspace, session, joining, now)

    def asks(self, *script: Line) -> tuple[Backends, ScriptedModel]:
        """The backends with a model that follows `script`."""
        model = ScriptedModel(script)
        return self.served_by(model), model

    def served_by(self, model: ChatModel) -> Backends:
        return replace(self.backends, models=FixedModels(model, self.embedder))

    def configured(self, **sections: Mapping[str, object]) -> "Workplace":
        """The same place under other settings; each section keeps what is not named."""
        old = self.backends.settings
        new: dict[str, Section] = {}
        for name, changed in sections.items():
            section: Section = getattr(old, name)
            new[name] = section.model_validate({**dict(section), **changed})
        return replace(self, backends=replace(self.backends, settings=old.model_copy(update=new)))

    def backends_at(self, dsn: str, *, queue: WorkQueue | None = None) -> Backends:
        """The same backends over another address of the database; whoever calls closes `db`."""
        old = self.backends.settings
        settings = old.model_copy(update={"db": old.db.model_copy(update={"connection_uri": SecretStr(dsn)})})
        return make_backends(
            dsn, models=self.backends.models, settings=settings, clock=self.clock, queue=queue or self.queue
        )

    def unit(self, session: str, peer: str = "", kind: TaskKind = TaskKind.DERIVE) -> WorkUnit:
        return WorkUnit(self.workspace, kind, session, peer)

    def wake_up(self, unit: WorkUnit) -> WakeUp:
        """The wake-up that the unit row stands at."""
        return WakeUp(unit, self.unit_row(unit)["wake_no"])

    def claims(self, unit: WorkUnit, *, window_tokens: int = 1024) -> Claim | None:
        settings = self.backends.settings
        terms = ClaimTerms(derive_gate(settings), window_tokens, timedelta(seconds=settings.lease_seconds))
        with self.backends.db.transaction() as conn:
            return work.claim(conn, unit, terms, now=self.clock.now())

    def finishes(self, claimed: Claim) -> list[WakeUp]:
        """Finish the claim with nothing found; gives the wake-ups that are owed."""
        outcome = work.Outcome("test/1", 0, 0, 0)
        with self.backends.db.transaction() as conn:
            work.fence(conn, claimed)
            return work.finish(conn, claimed, outcome, gate=derive_gate(self.backends.settings), now=self.clock.now())

    def unit_row(self, unit: WorkUnit) -> Row:
        [row] = self.rows(UNIT, unit=unit.key)
        return row

    def items(self, unit: WorkUnit) -> list[Row]:
        return self.rows(ITEMS, unit=unit.key)

    def windows(self, unit: WorkUnit) -> list[tuple[int, int]]:
        """First and last place of each committed window, in the order of their commits."""
        return [(row["first_seq"], row["last_seq"]) for row in self.rows(WINDOWS, unit=unit.key)]

    def conclusions(self) -> list[Row]:
        return self.rows(CONCLUSIONS)

    def rows(self, query: LiteralString, **values: object) -> list[Row]:
        with self.backends.db.reading() as conn, conn.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, {"workspace": self.workspace, **values}).fetchall()

    def count(self, table: LiteralString) -> int:
        """Rows of `table` that belong to the workspace."""
        query: LiteralString = "SELECT count(*) AS n FROM " + table + " WHERE workspace = %(workspace)s"
        return self.rows(query)[0]["n"]
