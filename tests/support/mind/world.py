"""Two workspaces with the same names in them, and all that the machine keeps in mind about what happened there."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any, LiteralString

import psycopg
from hypothesis.stateful import RuleBasedStateMachine
from psycopg import sql

from shared.backends import Models
from shared.domain.message import MessageDraft
from shared.domain.work import WakeUp
from shared.llm.types import Completion, Reply
from tests.support.backends import FrozenClock, RecordingQueue
from tests.support.mind import statements
from tests.support.mind.expected import Expected
from tests.support.mind.voices import AlikeEmbedder, FreeModel, OverheardModels, Tape
from tests.support.scripted_model import FixedModels
from tests.support.workplace import Row, Workplace

SESSIONS = ("s", "t")
PEERS = ("ada", "bob", "eve")


@dataclass
class Shift:
    """One worker on its way: what happens to it while it waits for its model, and what the model says."""

    wake_up: WakeUp
    tape: Tape
    happenings: list[Callable[[str], None]] = field(default_factory=list[Callable[[str], None]])
    fault: str = "none"
    lease_until: datetime | None = None
    forgettings: int = -1


@dataclass
class Batch:
    """Messages about to be recorded: each with a word of its own, and what it says about being reasoned about."""

    place: int
    session: str
    drafts: list[MessageDraft]
    words: list[str]
    own: list[bool | None]
    answer: str | None = None


def sweep(owner_dsn: str) -> None:
    """Empty the database but for what belongs to its revision."""
    with psycopg.connect(owner_dsn) as conn:
        found = [sql.Identifier(str(row[0])) for row in conn.execute(statements.TABLES)]
        conn.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(found)))


class World(RuleBasedStateMachine):
    """What the rules share. `is_free`: a tape decides what the models say, so that what they said is known."""

    def __init__(self, place: Workplace, owner_dsn: str, dice: Random, models: Models | None = None) -> None:
        super().__init__()
        # What hypothesis replays must come to the same: ids are thrown anew, and nothing is left of earlier runs.
        dice.seed(1)
        sweep(owner_dsn)
        self.clock, self.queue = FrozenClock(), RecordingQueue()
        self.is_free = models is None
        self.owner_dsn = owner_dsn
        self.shifts: list[Shift] = []
        free = FixedModels(FreeModel(lambda: self.shifts[-1].tape, self.strangers), AlikeEmbedder())
        backends = replace(
            place.backends, queue=self.queue, clock=self.clock, models=OverheardModels(models or free, self.listen)
        )
        place = replace(place, backends=backends, queue=self.queue, clock=self.clock).configured(
            summary={
                "messages_per_short_summary": 3,
                "messages_per_long_summary": 6,
                "max_tokens_short": 10_000,
                "max_tokens_long": 20_000,
            },
            dream={"document_threshold": 3, "min_hours_between_dreams": 1},
            app={"idempotency_key_hours": 24 * 7},
        )
        self.places = [replace(place, workspace=f"w-{number}") for number in (1, 2)]
        self.workspaces = [one.workspace for one in self.places]
        self.expected = {one: Expected() for one in self.workspaces}
        self.words: list[list[str]] = [[], []]
        # What was noticed in the middle of work, where an exception would pass for a failure of the model.
        self.wrong: list[str] = []
        # By workspace and unit: how often a model was asked to derive, and how often that may have been in vain.
        self.calls: Counter[tuple[str, str]] = Counter()
        self.excuses: Counter[tuple[str, str]] = Counter()
        self.forgettings: int = 0
        # Messages to be erased, and what they said.
        self.erased: set[str] = set()
        self.deleted: set[str] = set()
        self.superseded: set[str] = set()
        self.hints: set[tuple[str, str]] = set()
        self.existing: dict[str, Row] = {}
        self.covered: dict[tuple[str, str, str], int] = {}
        self.done: dict[tuple[str, str, int], str] = {}
        self.keyed: dict[int, Batch] = {}
        self.delivered: list[WakeUp] = []

    def listen(self, request: Completion, answer: Callable[[], Reply]) -> Reply:
        """A model is asked, which those who work have something to say about."""
        return answer()

    def configure(self, **sections: dict[str, object]) -> None:
        """Other settings for all that follows."""
        self.places = [one.configured(**sections) for one in self.places]

    @property
    def backends(self):
        return self.places[0].backends

    def expects(self, place: Workplace) -> Expected:
        return self.expected[place.workspace]

    def new_word(self, place: int) -> str:
        """A word that nobody has said so far."""
        word = f"zq{1000 + sum(len(words) for words in self.words)}x"
        self.words[place].append(word)
        return word

    def rows(self, query: LiteralString, **values: object) -> list[Row]:
        return self.places[0].rows(query, workspaces=self.workspaces, **values)

    def strangers(self) -> Sequence[str]:
        """Ids that whoever dreams now has no business with."""
        unit = self.shifts[-1].wake_up.unit
        names = {"workspace": unit.workspace, "observer": unit.observer, "observed": unit.observed}
        with self.backends.db.reading() as conn:
            found = conn.execute(statements.STRANGE, {**names, "workspaces": self.workspaces}).fetchall()
        return [str(row[0]) for row in found]

    def waiting(self) -> list[WakeUp]:
        """The wake-ups in the queue, in an order of their own: what hypothesis replays must come to the same."""
        mine = (one for one in self.queue.sent if one.unit.workspace in self.workspaces)
        return sorted(mine, key=lambda one: (str(one.unit), one.number))

    def messages(self, place: Workplace) -> list[Row]:
        return [row for row in self.rows(statements.MESSAGES) if row["workspace"] == place.workspace]

    def forgot(self) -> None:
        """Something is being forgotten: what was under way may be lost, and is done again."""
        self.forgettings += 1

    def pick(self, rows: Sequence[Any], place: int) -> Any:
        return rows[place % len(rows)]
