"""What must hold after every step, looked at with a statement each."""

from collections import defaultdict

from tests.support.mind import statements
from tests.support.mind.expected import Said
from tests.support.mind.undoing import Undoing
from tests.support.mind.voices import MET, OWN
from tests.support.workplace import Row


class Checks(Undoing):
    """The promises of the mind. What may be concluded is known from `Expected`, not from the database."""

    is_patient = False

    def look_at_messages(self) -> None:
        """Each message is there once, and only what was to be erased goes."""
        rows = self.rows(statements.MESSAGES)
        words = [OWN.findall(row["content"])[0] for row in rows]
        assert len(words) == len(set(words)), "a request took effect twice"
        found = {row["id"]: row for row in rows}
        self.lost = [row for key, row in self.existing.items() if key not in found]
        assert {row["id"] for row in self.lost} <= self.erased, "a message got lost"
        self.existing = found

    def look_at_work(self) -> None:
        """Counters are right, windows follow each other, and nothing is done twice."""
        astray = self.rows(statements.ASTRAY, is_patient=self.is_patient)
        assert astray == [], f"counters are wrong, or something waits for ever: {astray}"
        items: dict[tuple[str, str], list[Row]] = defaultdict(list)
        windows: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.rows(statements.ITEMS):
            items[row["workspace"], row["unit"]].append(row)
        for row in self.rows(statements.WINDOWS):
            windows[row["workspace"], row["unit"]].append(row)
        for (workspace, unit), some in items.items():
            kind, session, *_ = unit.split(":")
            if kind in ("derive", "summary", "dream"):
                if session not in self.expected[workspace].disturbed:
                    self._in_order(unit, some, windows[workspace, unit])
                self._once((workspace, unit), some, windows[workspace, unit])

    def _in_order(self, unit: str, items: list[Row], windows: list[Row]) -> None:
        closed = [row["seq"] for row in items if row["state"] != "pending"]
        pending = [row["seq"] for row in items if row["state"] == "pending"]
        end = 0
        for row in windows:
            first, last = row["first_seq"], row["last_seq"]
            inside = [seq for seq in closed if first <= seq <= last]
            assert len(inside) == row["items"], f"{unit}: the window from {first} counts its items wrongly"
            assert first > end, f"{unit}: the window from {first} came late"
            assert min(pending, default=last) >= last, f"{unit}: something was left behind"
            end = last
        finished = sum(row["state"] == "finished" for row in items)
        assert sum(row["items"] for row in windows) == finished, f"{unit}: the ledger is not complete"

    def _once(self, unit: tuple[str, str], items: list[Row], windows: list[Row]) -> None:
        """Which window an item was done in does not change, unless it was opened again."""
        is_disturbed = unit[1].split(":")[1] in self.expected[unit[0]].disturbed
        for row in items:
            key = (*unit, row["seq"])
            tokens = [one["token"] for one in windows if one["first_seq"] <= row["seq"] <= one["last_seq"]]
            if row["state"] == "finished" and tokens:
                known = self.done.setdefault(key, tokens[-1])
                assert is_disturbed or known == tokens[-1], f"{unit[1]}: {row['seq']} was done twice"
            else:
                assert is_disturbed or key not in self.done, f"{unit[1]}: {row['seq']} is to be done again"

    def look_at_explicit(self) -> None:
        """Who concludes something from a message may do so, cites what says it, and counts each message once."""
        for row in self.rows(statements.EXPLICIT):
            said = [self._source(row, message) for message in row["message_ids"]]
            assert said, "a conclusion rests on nothing"
            assert len(set(row["message_ids"])) == len(said), "a message is cited twice"
            content = row["content"]
            if content.endswith(" hints"):
                # What names no message of its own counts once, and rests on the whole window.
                assert row["times_derived"] <= len(said), "more is counted than was said"
            else:
                assert row["times_derived"] == len(said), "it does not count the messages that say it"
            if self.is_free:
                self._is_grounded(content, said)
                self._is_missed(row)

    def _source(self, row: Row, message: str) -> Said:
        expects = self.expected[row["workspace"]]
        assert message in expects.said, "a source is no message of this workspace"
        said = expects.said[message]
        assert said.session == row["session"], "a source is from another session"
        assert said.author == row["observed"], "a source was written by somebody else"
        assert said.observers is not None, "something was concluded from what nobody may learn from"
        is_scope = row["observer"].startswith("scope.")
        assert is_scope or row["observer"] in said.observers, "somebody learned from what he could not hear"
        return said

    def _is_grounded(self, content: str, said: list[Said]) -> None:
        met = MET.findall(content)
        if met:
            assert [one.word for one in said] == met, "it does not rest on the message that was named"

    def _is_missed(self, row: Row) -> None:
        """What was stated is hidden only where a client, a later statement or a richer wording took its place."""
        if not row["is_live"] and row["id"] not in self.deleted | self.superseded:
            self.superseded |= {one["id"] for one in self.rows(statements.SUPERSEDED)}
            is_poorer = " surely " not in row["content"] and not row["content"].endswith(" hints")
            assert is_poorer or row["id"] in self.superseded, "what was stated was taken away"

    def look_at_what_is_built(self) -> None:
        """What was derived rests on what is there, in its own collection, and enough of it."""
        self.superseded |= {one["id"] for one in self.rows(statements.SUPERSEDED)}
        # What is erased takes its time with it.
        is_whole = not self.forgettings
        known = {"deleted": list(self.deleted), "superseded": list(self.superseded), "is_whole": is_whole}
        unfounded = self.rows(statements.UNFOUNDED, **known)
        assert unfounded == [], f"what was concluded rests on nothing: {unfounded}"

    def look_at_summaries(self) -> None:
        """A summary covers more each time and tells of all that it covers; it goes with what it tells of."""
        fell = {(row["workspace"], row["session"], row["seq"]) for row in self.lost}
        found: dict[tuple[str, str, str], int] = {}
        for row in self.rows(statements.SUMMARIES):
            place = (row["workspace"], row["session"], row["kind"])
            found[place] = row["covered_seq"]
            if self.is_free:
                told = [
                    OWN.findall(one["content"])[0]
                    for one in self.existing.values()
                    if (one["workspace"], one["session"]) == place[:2] and one["seq"] <= row["covered_seq"]
                ]
                assert row["content"].split() == told, "a summary leaves something out, or says it twice"
        for place, seq in self.covered.items():
            is_excused = any(one[:2] == place[:2] and one[2] <= seq for one in fell)
            is_excused = is_excused or not self._is_there(*place[:2])
            assert found.get(place, 0) >= seq or is_excused, "a summary covers less than before"
        self.covered = found

    def _is_there(self, workspace: str, session: str) -> bool:
        """Whether the session is; summaries go at once where its deletion is accepted."""
        return session in self.expected[workspace].rooms
