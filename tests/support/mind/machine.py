"""The mind as a hypothesis state machine: whatever happens, only what may be known is known, once and well founded."""

from collections import Counter, defaultdict

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant

from tests.support.erasing import broken
from tests.support.mind import statements
from tests.support.mind.checks import Checks
from tests.support.mind.speaking import name_of
from tests.support.residue import residue


class Mind(Checks):
    """Clients and workers of two workspaces do what they do, in any order; see the mixins for what that is."""

    @initialize(gate=st.sampled_from(["none", "aging", "patient"]))
    def choose_gate(self, gate: str) -> None:
        """A small gate and windows of a few messages, so that little makes many of them."""
        self.is_patient = gate == "patient"
        self.configure(
            deriver={
                "flush_enabled": gate == "none",
                "representation_batch_max_tokens": 128,
                "representation_batch_target_input_tokens": 300,
                "representation_batch_max_age_seconds": 0 if self.is_patient else 1800,
            }
        )

    @invariant()
    def all_holds(self) -> None:
        assert self.wrong == []
        self.look_at_messages()
        self.look_at_work()
        self.look_at_explicit()
        self.look_at_what_is_built()
        self.look_at_summaries()

    def teardown(self) -> None:
        """Once all is well again, everything is done, and what was to be forgotten is forgotten."""
        for batch in self.keyed.values():
            if batch.answer is None:
                self.clock.advance(seconds=31)
                self.ask(batch, name_of(batch))
        self.drain()
        self.all_holds()
        assert self.rows(statements.UNFINISHED_DREAMS) == []
        for place in self.places:
            assert broken(place) == {}
        self.check_derived()
        self.check_summarized()
        self.check_forgotten()

    def drain(self) -> None:
        for _ in range(100):
            for number in range(len(self.places)):
                self.flush(number)
            self.tick()
            arrived = self.waiting()
            for wake_up in arrived:
                self.queue.sent.remove(wake_up)
                self.work(wake_up)
            if not self.rows(statements.PENDING):
                return
            self.clock.advance(minutes=2)
        raise AssertionError(f"still waiting: {self.rows(statements.PENDING)}")

    def check_derived(self) -> None:
        """Exactly the messages that may be read have been, each for everybody who may learn from it."""
        closed: dict[str, set[str]] = defaultdict(set)
        for row in self.rows(statements.ITEMS):
            if row["unit"].startswith("derive:"):
                closed[row["state"]].add(row["message_id"])
        allowed = {
            one.id: one
            for expects in self.expected.values()
            for one in expects.said.values()
            if one.id in self.existing and one.observers is not None
        }
        assert closed["finished"] | closed["parked"] == allowed.keys()
        if self.is_free:
            known = {
                (row["observer"], message) for row in self.rows(statements.EXPLICIT) for message in row["message_ids"]
            }
            for message in closed["finished"]:
                gone = self.expected[self.existing[message]["workspace"]].gone
                for observer in (allowed[message].observers or frozenset()) - gone:
                    assert (observer, message) in known, f"{observer} did not learn from what was said"
            self.check_paid()

    def check_paid(self) -> None:
        """Where nothing was taken out, a model is asked once for each window, but for what may have been in vain."""
        windows = Counter((row["workspace"], row["unit"]) for row in self.rows(statements.WINDOWS))
        for key, calls in self.calls.items():
            if key[1].split(":")[1] not in self.expected[key[0]].disturbed:
                assert calls <= windows[key] + self.excuses[key], f"{key[1]}: an answer was paid for twice"

    def check_summarized(self) -> None:
        """Where nothing came between, the summaries reach up to the last message that called for one."""
        parked = {(row["workspace"], row["unit"]) for row in self.rows(statements.ITEMS) if row["state"] == "parked"}
        last: dict[tuple[str, str], int] = {}
        for row in self.existing.values():
            last[row["workspace"], row["session"]] = row["seq"]
        for (workspace, session), seq in last.items():
            expects = self.expected[workspace]
            is_plain = session not in expects.disturbed | expects.untold and expects.is_on("summary", session)
            if is_plain and (workspace, f"summary:{session}:") not in parked:
                for kind, every in (("short", 3), ("long", 6)):
                    assert self.covered.get((workspace, session, kind), 0) == seq - seq % every

    def check_forgotten(self) -> None:
        """No trace is left of what was erased, unless somebody else has said it, too."""
        still_said = " ".join(row["content"] for row in self.existing.values())
        words = {
            one.word
            for expects in self.expected.values()
            for one in expects.said.values()
            if one.id in self.erased and one.word not in still_said
        }
        assert not self.erased & self.existing.keys(), "what was to be erased is still there"
        left = residue(self.owner_dsn, *sorted(words | self.erased))
        assert left == {}, f"traces are left: {left}"


class Days(Mind):
    """The same with hardly a dream taken back: more happens in as many steps."""

    # Here these are no rules, but something that others may call.
    def undo_dream(self, place: int, pick: int) -> None:
        super().undo_dream(place, pick)

    def regret(
        self, place: int, observed: str, tapes: tuple[list[int], list[int]], is_first: bool, pick: int | None
    ) -> None:
        super().regret(place, observed, tapes, is_first, pick)
