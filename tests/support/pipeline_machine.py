"""What can happen to messages on their way to conclusions, as a hypothesis state machine over a real database."""

import contextlib
import re
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import LiteralString

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.domain.errors import ModelUnavailable
from shared.domain.json import JsonObject
from shared.domain.vector import Vector
from shared.domain.work import TaskKind, WakeUp
from shared.llm.types import Completion, UserTurn
from shared.memory import sessions
from shared.memory.relay import relay
from shared.reasoning.derive import derive
from shared.store import repair
from tests.support.backends import AnsweringModel, FrozenClock, RecordingQueue, TinyEmbedder, facts
from tests.support.scripted_model import FixedModels
from tests.support.workplace import Workplace

SESSIONS = ("s", "t")
PEERS = ("ada", "bob")
# In tokens: the gate of the tests is passed by a few of the larger ones.
SIZES = (1, 40, 100, 130, 300)
FAULTS = (
    "none",
    "none",
    "none",
    "outage",
    "unreadable",
    "dies before the answer",
    "dies after the answer",
    "overtaken",
    "comes twice",
)

ITEMS: LiteralString = """
SELECT unit, seq, state FROM work_items
 WHERE workspace = %(workspace)s AND starts_with(unit, 'derive:')
 ORDER BY unit, seq
"""
WINDOWS: LiteralString = """
SELECT unit, first_seq, last_seq, items FROM work_windows
 WHERE workspace = %(workspace)s AND starts_with(unit, 'derive:')
 ORDER BY unit, committed_at, first_seq
"""
ASTRAY: LiteralString = """
SELECT u.unit FROM work_units AS u
 WHERE u.workspace = %(workspace)s
   AND (u.pending_items, u.pending_tokens) <> (
       SELECT count(*), coalesce(sum(i.tokens), 0) FROM work_items AS i
        WHERE i.workspace = u.workspace AND i.unit = u.unit AND i.state = 'pending')
"""
FORGOTTEN: LiteralString = """
SELECT unit FROM work_units WHERE workspace = %(workspace)s AND pending_items > 0 AND due_at IS NULL
"""
# Each message says something of its own, and that its author speaks.
TWICE: LiteralString = """
SELECT content FROM conclusions
 WHERE workspace = %(workspace)s
   AND (times_derived <> cardinality(message_ids) OR (times_derived <> 1 AND content NOT LIKE '%% speaks'))
"""
ORPHANED: LiteralString = """
SELECT c.id FROM conclusions AS c, unnest(c.message_ids) AS source (id)
 WHERE c.workspace = %(workspace)s
   AND NOT EXISTS (SELECT FROM messages AS m
                    WHERE m.workspace = c.workspace AND m.session = c.session AND m.peer = c.observed
                      AND m.id = source.id)
"""


class Died(BaseException):
    """The worker's process is gone: nothing catches this."""


class DyingEmbedder(TinyEmbedder):
    """Takes its worker with it."""

    def embed(self, texts: "list[str] | tuple[str, ...]") -> list[Vector]:  # pyright: ignore[reportIncompatibleMethodOverride]  # it never gets that far
        raise Died


class Pipeline(RuleBasedStateMachine):
    """Messages are recorded, settings change, wake-ups get lost or come twice; workers fail, die and are overtaken."""

    def __init__(self, place: Workplace) -> None:
        super().__init__()
        queue, clock = RecordingQueue(), FrozenClock()
        backends = replace(place.backends, queue=queue, clock=clock)
        workspace = f"w-{uuid.uuid4().hex[:10]}"
        self.place = replace(place, backends=backends, workspace=workspace, queue=queue, clock=clock)
        self.said = 0
        # Messages said while nothing was to be concluded from them.
        self.private = 0
        self.is_reasoned: dict[str, bool] = dict.fromkeys(SESSIONS, True)
        self.calls = 0
        self.excuses = 0
        self.needless = 0

    @rule(
        session=st.sampled_from(SESSIONS),
        batch=st.lists(st.tuples(st.sampled_from(PEERS), st.sampled_from(SIZES)), min_size=1, max_size=5),
        is_down=st.sampled_from([False, False, False, True]),
    )
    def record(self, session: str, batch: list[tuple[str, int]], is_down: bool) -> None:
        self.place.queue.is_down = is_down
        drafts: list[tuple[str, str]] = []
        for peer, size in batch:
            drafts.append((peer, f"{self.name(session)} " + "word " * size))
        self.place.says(session, *drafts)
        self.place.queue.is_down = False

    def name(self, session: str) -> str:
        """What the next message of the session begins with."""
        if self.is_reasoned[session]:
            self.said += 1
            return f"m{self.said}"
        self.private += 1
        return f"private{self.private}"

    @rule(session=st.sampled_from(SESSIONS), is_reasoned=st.booleans())
    def configure(self, session: str, is_reasoned: bool) -> None:
        wanted: JsonObject = {"reasoning": {"enabled": is_reasoned}}
        sessions.get_or_create(self.place.backends, self.place.workspace, session, configuration=wanted)
        self.is_reasoned[session] = is_reasoned

    @rule(seconds=st.sampled_from([1, 6, 95, 900, 1801]), is_down=st.sampled_from([False, False, False, True]))
    def time_passes(self, seconds: int, is_down: bool) -> None:
        self.place.clock.advance(seconds=seconds)
        self.place.queue.is_down = is_down
        relay(self.place.backends)
        self.place.queue.is_down = False

    @precondition(lambda self: self.waiting())
    @rule(
        arriving=st.lists(st.tuples(st.integers(0, 9), st.sampled_from(FAULTS), st.booleans()), min_size=1, max_size=4)
    )
    def deliver(self, arriving: list[tuple[int, str, bool]]) -> None:
        for pick, fault, comes_again in arriving:
            waiting = self.waiting()
            if waiting:
                wake_up = waiting[pick % len(waiting)]
                if not comes_again:
                    self.place.queue.sent.remove(wake_up)
                self.work(wake_up, fault)

    @precondition(lambda self: self.waiting())
    @rule(pick=st.integers(0, 9))
    def lose(self, pick: int) -> None:
        waiting = self.waiting()
        self.place.queue.sent.remove(waiting[pick % len(waiting)])

    @rule()
    def flush(self) -> None:
        with self.place.backends.db.transaction() as conn:
            repair.flush(conn, workspace=self.place.workspace, now=self.place.clock.moment)

    @invariant()
    def windows_follow_each_other(self) -> None:
        closed: dict[str, list[int]] = defaultdict(list)
        pending: dict[str, list[int]] = defaultdict(list)
        for row in self.place.rows(ITEMS):
            (pending if row["state"] == "pending" else closed)[row["unit"]].append(row["seq"])
        ends: dict[str, int] = {}
        for row in self.place.rows(WINDOWS):
            unit, first, last = row["unit"], row["first_seq"], row["last_seq"]
            inside = [seq for seq in closed[unit] if first <= seq <= last]
            assert len(inside) == row["items"], f"{unit}: the window from {first} counts its items wrongly"
            assert first > ends.get(unit, 0), f"{unit}: the window from {first} came late"
            assert min(pending[unit], default=last) >= last, f"{unit}: something was left behind"
            ends[unit] = last

    @invariant()
    def counters_are_right(self) -> None:
        assert self.place.rows(ASTRAY) == []

    @invariant()
    def everything_that_waits_is_looked_at_again(self) -> None:
        if self.place.backends.settings.deriver.representation_batch_max_age_seconds:
            assert self.place.rows(FORGOTTEN) == []

    @invariant()
    def nobody_pays_for_what_another_is_at(self) -> None:
        assert self.needless == 0

    @invariant()
    def nothing_is_concluded_twice(self) -> None:
        assert self.place.rows(TWICE) == []

    @invariant()
    def every_conclusion_rests_on_messages_of_its_peer(self) -> None:
        assert self.place.rows(ORPHANED) == []

    def teardown(self) -> None:
        """Once all is well again, everything is done, each message once."""
        self.drain()
        assert self.place.rows(ASTRAY) == []
        items, windows = self.place.rows(ITEMS), self.place.rows(WINDOWS)
        states = [row["state"] for row in items]
        assert "pending" not in states
        assert len(states) == self.said
        assert sum(row["items"] for row in windows) == states.count("finished")
        times = [row["times_derived"] for row in self.place.conclusions() if row["content"].endswith(" speaks")]
        assert sum(times) == states.count("finished")
        assert len(self.place.conclusions()) - len(times) == states.count("finished")
        assert self.calls <= len(windows) + self.excuses

    def waiting(self) -> list[WakeUp]:
        """The wake-ups in the queue that call for a derivation."""
        mine = (one for one in self.place.queue.sent if one.unit.workspace == self.place.workspace)
        # In an order of their own: whatever hypothesis replays must come to the same.
        return sorted(
            (one for one in mine if one.unit.kind is TaskKind.DERIVE), key=lambda one: (str(one.unit), one.number)
        )

    def drain(self) -> None:
        for _ in range(100):
            self.flush()
            relay(self.place.backends)
            arrived, self.place.queue.sent = self.waiting(), []
            for wake_up in arrived:
                self.work(wake_up, "none")
            if not any(row["state"] == "pending" for row in self.place.rows(ITEMS)):
                return
            self.place.clock.advance(minutes=2)

    def work(self, wake_up: WakeUp, fault: str) -> None:
        answer: Callable[[Completion], str] = self.answer
        embedder = self.place.embedder
        match fault:
            case "outage":
                answer = self.failing(ModelUnavailable())
            case "dies before the answer":
                answer = self.failing(Died())
            case "unreadable":
                answer = self.mumbling
            case "dies after the answer":
                embedder = DyingEmbedder()
                # Once it has failed twice a window is split, and the answer about the whole of it is left behind.
                self.excuses += self.place.unit_row(wake_up.unit)["failures"] >= 1
            case "overtaken":
                answer = self.overtaken_on(wake_up, after_s=91)
            case "comes twice":
                answer = self.overtaken_on(wake_up, after_s=0)
            case _:
                pass
        models = FixedModels(AnsweringModel(answer), embedder)
        with contextlib.suppress(Died):
            derive(replace(self.place.backends, models=models), wake_up)

    def answer(self, request: Completion) -> str:
        """One fact for each message of the target, and one that all of them share."""
        self.calls += 1
        [turn] = request.turns
        assert isinstance(turn, UserTurn)
        assert ": private" not in turn.text, "what is not reasoned about is nobody's context"
        target = re.search(r"Target peer: (\w+)", turn.text)
        assert target is not None
        peer = target[1]
        lines = re.findall(rf"^\[#(\d+) [^\]]+\] {peer}: (m\d+) ", turn.text, re.MULTILINE)
        told = [(f"{peer} said {name}", int(number)) for number, name in lines]
        return facts(*told, *((f"{peer} speaks", number) for _, number in told))

    def failing(self, error: BaseException) -> Callable[[Completion], str]:
        def answer(_: Completion) -> str:
            self.calls += 1
            self.excuses += 1
            raise error

        return answer

    def mumbling(self, _: Completion) -> str:
        self.calls += 1
        self.excuses += 1
        return "Hm."

    def overtaken_on(self, wake_up: WakeUp, *, after_s: int) -> Callable[[Completion], str]:
        """The wake-up reaches another worker while this one waits for its model; with its lease over or not."""

        def answer(request: Completion) -> str:
            self.excuses += after_s > 0
            self.place.clock.advance(seconds=after_s)
            before = self.calls
            self.work(wake_up, "none")
            self.needless += self.calls - before if after_s == 0 else 0
            return self.answer(request)

        return answer
