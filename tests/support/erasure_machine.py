"""What can happen around erasures, as a hypothesis state machine over a real database."""

import contextlib
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, LiteralString

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.domain.conclusion import Collection, ConclusionDraft
from shared.domain.errors import DatabaseUnavailable, NotFound
from shared.domain.work import TaskKind, WakeUp
from shared.llm.types import Completion
from shared.memory import conclude, scopes
from shared.memory.erase import erase_message, erase_peer
from shared.memory.relay import relay
from shared.store import cards
from tests.support.backends import AnsweringModel, FrozenClock, RecordingQueue
from tests.support.erasing import ORPHANS, Died, DyingDatabase, broken, do, repeated, settle
from tests.support.residue import residue
from tests.support.scripted_model import FixedModels
from tests.support.workplace import Workplace

SESSIONS = ("s", "t")
PEERS = ("ada", "bob", "eve")
FAULTS = ("none", "none", "none", "comes twice", "dies", "lease runs out", "erased meanwhile", "erased long ago")

MESSAGES: LiteralString = (
    "SELECT id, session, peer, content FROM messages WHERE workspace = %(workspace)s ORDER BY session, seq"
)
SOURCES: LiteralString = """
SELECT id, content, observer, observed FROM conclusions
 WHERE workspace = %(workspace)s AND deleted_at IS NULL ORDER BY content, observer, id
"""


class Erasure(RuleBasedStateMachine):
    """Messages are recorded and worked on, and erased at any moment; workers are late, doubled, and die."""

    def __init__(self, place: Workplace, owner_dsn: str) -> None:
        super().__init__()
        queue, clock = RecordingQueue(), FrozenClock()
        backends = replace(place.backends, queue=queue, clock=clock)
        self.mark = uuid.uuid4().hex[:8]
        self.place = replace(place, backends=backends, workspace=f"w-{self.mark}", queue=queue, clock=clock)
        self.owner_dsn = owner_dsn
        self.said = 0
        self.erased: set[str] = set()
        self.thoughts: list[tuple[conclude.Saving, Collection, str]] = []
        scopes.get_or_create(backends, self.place.workspace, "team", metadata=None)

    @rule(
        session=st.sampled_from(SESSIONS),
        batch=st.lists(st.tuples(st.sampled_from(PEERS), st.sampled_from([0, 0, 0, 1, 3])), min_size=1, max_size=6),
    )
    def record(self, session: str, batch: list[tuple[str, int]]) -> None:
        """Each says a word of its own, or one that was said so many messages before."""
        drafts: list[tuple[str, str]] = []
        for author, back in batch:
            self.said += 1
            drafts.append((author, f"I met {self.word(max(self.said - back, 1))}"))
        with contextlib.suppress(NotFound):
            self.place.says(session, *drafts)

    @rule(session=st.sampled_from(SESSIONS))
    def join_scope(self, session: str) -> None:
        with contextlib.suppress(NotFound):
            scopes.add_sessions(self.place.backends, self.place.workspace, "team", [session])

    @rule(seconds=st.sampled_from([1, 6, 95]))
    def time_passes(self, seconds: int) -> None:
        self.place.clock.advance(seconds=seconds)
        relay(self.place.backends)

    @rule()
    def catch_up(self) -> None:
        """Others do everything that waits."""
        settle(self.place)

    @precondition(lambda self: self.place.rows(MESSAGES))
    @rule(pick=st.integers(0, 50))
    def forget_message(self, pick: int) -> None:
        found = self.messages()
        self.erase_one(found[pick % len(found)])

    @rule(peer=st.sampled_from(PEERS))
    def forget_peer(self, peer: str) -> None:
        with contextlib.suppress(NotFound):
            erase_peer(self.place.backends, self.place.workspace, peer)
            for row in self.messages():
                if row["peer"] == peer:
                    self.erased |= {row["id"], self.canary(row)}

    @precondition(lambda self: self.place.rows(SOURCES))
    @rule(pick=st.integers(0, 50), other=st.integers(0, 50))
    def think(self, pick: int, other: int) -> None:
        """As a consolidation would: of one or two conclusions, in their words."""
        found = sorted(self.place.rows(SOURCES), key=lambda row: (row["content"], row["observer"]))
        first, second = found[pick % len(found)], found[other % len(found)]
        content = f"both {first['content']} and {second['content']}"
        sources = tuple(dict.fromkeys([first["id"], second["id"]]))
        draft = ConclusionDraft(content, "deductive", None, (), self.place.clock.moment, source_ids=sources)
        backends, workspace = self.place.backends, self.place.workspace
        saving = conclude.prepare(backends, workspace, first["observed"], [first["observer"]], [draft])
        pair = Collection(workspace, first["observer"], first["observed"])
        self.thoughts.append((saving, pair, content))

    @precondition(lambda self: self.thoughts)
    @rule()
    def deduce(self) -> None:
        """What was thought, perhaps long ago, with a card if its premises still are."""
        saving, pair, content = self.thoughts.pop(0)
        backends = self.place.backends
        # The premises of some peer's thought may have gone with the peer.
        with contextlib.suppress(DatabaseUnavailable):
            with backends.db.transaction() as conn:
                saved = saving.write(backends, conn)
                if saved:
                    cards.put(conn, pair, [content], self.place.clock.moment)
            conclude.index(backends, saved, saving.vectors)

    @precondition(lambda self: self.place.queue.sent)
    @rule(
        arriving=st.lists(
            st.tuples(st.integers(0, 30), st.sampled_from(FAULTS), st.integers(1, 9)), min_size=1, max_size=5
        )
    )
    def deliver(self, arriving: list[tuple[int, str, int]]) -> None:
        for pick, fault, number in arriving:
            waiting = sorted(self.place.queue.sent, key=lambda one: (str(one.unit), one.number))
            if waiting:
                wake_up = waiting[pick % len(waiting)]
                self.place.queue.sent.remove(wake_up)
                self.work(wake_up, fault, number)

    @invariant()
    def nothing_rests_on_what_is_gone(self) -> None:
        assert self.place.rows(ORPHANS) == []

    def teardown(self) -> None:
        """Once all is well again nothing of what was erased is left, and everything else is known."""
        self.place.clock.advance(seconds=91)
        settle(self.place)
        still_said = {self.canary(row) for row in self.messages()}
        assert residue(self.owner_dsn, *(self.erased - still_said)) == {}
        assert broken(self.place) == {}
        cited = {
            message
            for row in self.place.rows("SELECT message_ids FROM conclusions WHERE workspace = %(workspace)s")
            for message in row["message_ids"]
        }
        assert {row["id"] for row in self.messages()} <= cited

    def messages(self) -> list[dict[str, Any]]:
        return self.place.rows(MESSAGES)

    def erase_one(self, row: dict[str, Any]) -> None:
        with contextlib.suppress(NotFound):
            erase_message(self.place.backends, self.place.workspace, row["session"], row["id"])
            self.erased |= {row["id"], self.canary(row)}

    def word(self, number: int) -> str:
        return f"zq{self.mark}n{number:04}x"

    def canary(self, row: dict[str, Any]) -> str:
        found = re.search(r"zq\w+", row["content"])
        assert found is not None
        return found[0]

    def work(self, wake_up: WakeUp, fault: str, number: int) -> None:
        place = self.place
        match fault:
            case "dies":
                backends = replace(place.backends, db=DyingDatabase(place.backends.db, number))
                with contextlib.suppress(Died):
                    do(replace(place, backends=backends), wake_up)
            case "comes twice":
                do(self.answering(lambda _: do(place, wake_up)), wake_up)
            case "lease runs out":
                do(self.answering(self.pass_by), wake_up)
            case "erased meanwhile":
                do(self.answering(lambda shown: self.forget_shown(shown, number)), wake_up)
            case "erased long ago":
                do(self.answering(lambda shown: self.forget_shown(shown, number), self.erase_all), wake_up)
            case _:
                do(place, wake_up)

    def answering(self, *happenings: Callable[[str], object]) -> Workplace:
        """The place with a model while whose first answer all this happens."""
        left = list(happenings)

        def answer(request: Completion) -> str:
            [turn] = request.turns
            while left:
                left.pop(0)(str(turn))
            return repeated(request)

        models = FixedModels(AnsweringModel(answer), self.place.embedder)
        return replace(self.place, backends=replace(self.place.backends, models=models))

    def pass_by(self, _: str) -> None:
        """Time passes, and others do everything that waits."""
        self.place.clock.advance(seconds=95)
        self.catch_up()

    def erase_all(self, _: str) -> None:
        """Time passes, and the erasures are done; nobody takes up what waits beside them."""
        self.place.clock.advance(seconds=95)
        settle(self.place, TaskKind.ERASE)

    def forget_shown(self, shown: str, number: int) -> None:
        """One of the messages that the model has just been shown is erased."""
        found = [row for row in self.messages() if self.canary(row) in shown]
        if found:
            self.erase_one(found[number % len(found)])
