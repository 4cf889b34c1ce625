"""What is taken back: messages, peers, sessions and conclusions."""

import contextlib

from hypothesis import strategies as st
from hypothesis.stateful import rule

from shared.domain.errors import NotFound
from shared.memory.conclude import delete_conclusion
from shared.memory.erase import erase_message, erase_peer
from shared.memory.forget import delete_session
from tests.support.mind import statements
from tests.support.mind.speaking import IN, PLACES, WHO, Speaking
from tests.support.mind.voices import OWN
from tests.support.workplace import Row, Workplace

PICKS = st.integers(0, 50)


class Forgetting(Speaking):
    """Clients change their minds about what should be known."""

    @rule(place=PLACES, pick=PICKS)
    def forget_message(self, place: int, pick: int) -> None:
        found = self.messages(self.places[place])
        if found:
            self.erase(self.places[place], self.pick(found, pick))

    @rule(place=PLACES, peer=WHO)
    def forget_peer(self, place: int, peer: str) -> None:
        where = self.places[place]
        with contextlib.suppress(NotFound):
            erase_peer(where.backends, where.workspace, peer)
            self.forgot()
            self.erased |= {row["id"] for row in self.messages(where) if row["peer"] == peer}
            self.expects(where).forget_peer(peer)

    @rule(place=PLACES, session=IN)
    def forget_session(self, place: int, session: str) -> None:
        where = self.places[place]
        with contextlib.suppress(NotFound):
            delete_session(where.backends, where.workspace, session)
            self.forgot()
            self.erased |= {row["id"] for row in self.messages(where) if row["session"] == session}
            self.expects(where).forget_session(session)
            # With a session its keys are forgotten, and a retry would be a request of its own.
            self.keyed = {key: one for key, one in self.keyed.items() if (one.place, one.session) != (place, session)}

    @rule(place=PLACES, pick=PICKS)
    def client_deletes(self, place: int, pick: int) -> None:
        found = self.places[place].rows(statements.LIVE)
        if found:
            self.delete(place, self.pick(found, pick)["id"])

    def delete(self, place: int, gone: str) -> None:
        delete_conclusion(self.backends, self.workspaces[place], gone)
        self.deleted.add(gone)

    def erase(self, place: Workplace, row: Row) -> None:
        with contextlib.suppress(NotFound):
            erase_message(place.backends, place.workspace, row["session"], row["id"])
            self.forgot()
            self.erased.add(row["id"])
            self.expects(place).disturbed.add(row["session"])

    def forget_shown(self, place: Workplace, shown: str, number: int) -> None:
        """One of the messages that the model has just been shown is erased."""
        found = [row for row in self.messages(place) if OWN.findall(row["content"])[0] in shown]
        if found:
            self.erase(place, self.pick(found, number))
