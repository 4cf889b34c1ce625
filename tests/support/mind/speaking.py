"""What clients do: messages, settings, members, scopes, requests that come again."""

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from starlette.responses import JSONResponse

from functions.api.once import Taking
from shared.domain.conclusion import content_hash
from shared.domain.errors import DatabaseUnavailable, KeyReused, NotFound, StillRunning
from shared.domain.ids import new_id
from shared.domain.json import JsonObject
from shared.domain.message import Message, MessageDraft
from shared.domain.session import ObservationSettings
from shared.memory import peers, scopes, sessions, workspaces
from shared.memory.note import Note
from shared.memory.record import record_messages
from tests.support.erasing import Died
from tests.support.mind.expected import SWITCHES, Said, Seat, Switch
from tests.support.mind.voices import OWN
from tests.support.mind.world import PEERS, SESSIONS, Batch, World
from tests.support.shaken import SHOCKS, shaken
from tests.support.workplace import Row

# The gate of the tests is passed by a few of the larger ones.
SIZES = (1, 1, 40, 130, 300)
# For the offline models, which read what is said.
SENTENCES = (
    "I moved to Porto. ", "I moved to Rome. ", "I love tea. ", "I hate tea. ", "I am allergic to nuts. ",
    "I play the piano. ", "I sing in a choir. ", "I went to a jazz concert. ",
)  # fmt: skip

PLACES = st.sampled_from([0, 0, 0, 1])
IN = st.sampled_from(SESSIONS)
WHO = st.sampled_from(PEERS)
Line = tuple[str, int, int, bool | None]
# Who, how long, how many messages back it looks, and what it says of being reasoned about.
LINES = st.lists(
    st.tuples(WHO, st.sampled_from(SIZES), st.sampled_from([0, 0, 1, 4]), st.sampled_from([None] * 5 + [True, False])),
    min_size=1,
    max_size=5,
)
MAYBE = st.sampled_from([None, True, False])


class Speaking(World):
    """Clients are many, know nothing of each other, and ask again where they were not answered."""

    @rule(place=PLACES, session=IN, lines=LINES, is_down=st.sampled_from([False, False, False, True]))
    def record(self, place: int, session: str, lines: list[Line], is_down: bool) -> None:
        self.queue.is_down = is_down
        batch = self.batch(place, session, lines)
        with contextlib.suppress(NotFound), self._noting(batch):
            record_messages(self.backends, self.workspaces[place], session, batch.drafts)
        self.queue.is_down = False

    @rule(
        key=st.integers(1, 3),
        place=PLACES,
        session=IN,
        lines=LINES,
        shock=st.sampled_from(("none", *SHOCKS)),
        at=st.integers(1, 4),
    )
    def record_with_key(self, key: int, place: int, session: str, lines: list[Line], shock: str, at: int) -> None:
        """A request that may be the retry of an earlier one; it may die on its way, or lose its database."""
        if key not in self.keyed:
            self.keyed[key] = self.batch(place, session, lines)
        self.ask(self.keyed[key], name_of(self.keyed[key]), shock, at)

    @precondition(lambda self: any(one.answer is not None for one in self.keyed.values()))
    @rule(pick=st.integers(0, 9))
    def reuse_key(self, pick: int) -> None:
        """Another request under a key that was used: nothing comes of it."""
        key = self.pick([key for key, known in sorted(self.keyed.items()) if known.answer is not None], pick)
        other = self.batch(self.keyed[key].place, self.keyed[key].session, [("ada", 1, 0, None)])
        try:
            self.ask(other, name_of(self.keyed[key]))
        except KeyReused:
            return
        raise AssertionError("a key was taken for two requests")

    def ask(self, wanted: Batch, key: str, shock: str = "none", at: int = 0) -> None:
        workspace = self.workspaces[wanted.place]
        backends = replace(self.backends, db=shaken(self.backends.db, shock, at))
        said = content_hash(" ".join(wanted.words))
        taking = Taking(backends, key, caller="c", fingerprint=said, token=new_id())

        def record(note: Note[list[Message]]) -> list[Message]:
            return record_messages(backends, workspace, wanted.session, wanted.drafts, note=note)

        refusals = (NotFound, DatabaseUnavailable, StillRunning, Died)
        with contextlib.suppress(*refusals), self._noting(wanted):
            answer = taking.take(workspace, record, shown, of="message")
            told = bytes(answer.body).decode()
            assert wanted.answer in (None, told) or answer.status_code == 404, "a retry was answered otherwise"
            wanted.answer = told

    @contextlib.contextmanager
    def _noting(self, batch: Batch) -> Generator[None]:
        """Note what is there afterwards and was not before, whatever the client was told."""
        place = self.places[batch.place]
        before = {row["id"] for row in self.messages(place)}
        try:
            yield
        finally:
            new = {OWN.findall(row["content"])[0]: row for row in self.messages(place) if row["id"] not in before}
            assert new.keys() in (set[str](), set(batch.words)), "half of it was written, or something else"
            if new:
                self.expects(place).arrive(batch.session, {draft.peer for draft in batch.drafts})
                self.expects(place).record([*self._said(batch, new)])

    def _said(self, batch: Batch, new: Mapping[str, Row]) -> Iterator[Said]:
        expects = self.expected[self.workspaces[batch.place]]
        for draft, word, own in zip(batch.drafts, batch.words, batch.own, strict=True):
            watching = expects.observers(batch.session, draft.peer, own)
            yield Said(new[word]["id"], batch.session, new[word]["seq"], draft.peer, word, watching)

    def batch(self, place: int, session: str, lines: Sequence[Line]) -> Batch:
        """Each says a word of its own, and perhaps one that was said so many messages before."""
        made = Batch(place, session, [], [], [own for *_, own in lines])
        for author, size, back, own in lines:
            word = self.new_word(place)
            seen = f" and saw {self.words[place][-1 - back]}" if 0 < back < len(self.words[place]) else ""
            padding = "word " * size if self.is_free else SENTENCES[(size + len(self.words[place])) % len(SENTENCES)]
            configuration: JsonObject | None = None if own is None else {"reasoning": {"enabled": own}}
            made.drafts.append(MessageDraft(author, f"I met {word}{seen}. {padding}", configuration=configuration))
            made.words.append(word)
        return made

    @rule(
        place=PLACES,
        session=st.sampled_from([None, *SESSIONS]),
        switch=st.sampled_from(SWITCHES),
        value=st.sampled_from([None, True, True, False]),
    )
    def set_switch(self, place: int, session: str | None, switch: Switch, value: bool | None) -> None:
        leaf = "create" if switch == "peer_card" else "enabled"
        configuration: JsonObject = {switch: {} if value is None else {leaf: value}}
        where = self.places[place]
        with contextlib.suppress(NotFound):
            if session is None:
                workspaces.update(where.backends, where.workspace, metadata=None, configuration=configuration)
            else:
                sessions.get_or_create(where.backends, where.workspace, session, configuration=configuration)
            self.expects(where).switch(switch, session, value)

    @rule(place=PLACES, peer=WHO, is_observed=st.booleans())
    def set_peer(self, place: int, peer: str, is_observed: bool) -> None:
        where = self.places[place]
        given: JsonObject = {"observe_me": is_observed}
        with contextlib.suppress(NotFound):
            peers.get_or_create(where.backends, where.workspace, peer, metadata=None, configuration=given)
            self.expects(where).meet(peer)
            self.expects(where).shy[peer] = is_observed

    @rule(
        place=PLACES, session=IN, peer=WHO, observe_me=MAYBE, observe_others=st.sampled_from([None, True, True, False])
    )
    def join(self, place: int, session: str, peer: str, observe_me: bool | None, observe_others: bool | None) -> None:
        where, joining = self.places[place], {peer: ObservationSettings(observe_me, observe_others)}
        with contextlib.suppress(NotFound):
            sessions.add_peers(where.backends, where.workspace, session, joining)
            self.expects(where).arrive(session, [peer], Seat(True, observe_me, observe_others))

    @rule(
        place=PLACES, session=IN, peer=WHO, observe_me=MAYBE, observe_others=st.sampled_from([None, True, True, False])
    )
    def watch(self, place: int, session: str, peer: str, observe_me: bool | None, observe_others: bool | None) -> None:
        where, given = self.places[place], ObservationSettings(observe_me, observe_others)
        with contextlib.suppress(NotFound):
            sessions.set_observation(where.backends, where.workspace, session, peer, given)
            self.expects(where).watch(session, peer, Seat(True, observe_me, observe_others))

    @rule(place=PLACES, session=IN, peer=WHO, lines=LINES)
    def leave(self, place: int, session: str, peer: str, lines: list[Line]) -> None:
        """Somebody leaves, and does not hear what the others say then."""
        where = self.places[place]
        with contextlib.suppress(NotFound):
            sessions.remove_peers(where.backends, where.workspace, session, [peer])
            self.expects(where).leave(session, peer)
        others = [line for line in lines if line[0] != peer]
        if others:
            self.record(place, session, others, False)

    @rule(place=PLACES, session=IN, is_joining=st.booleans())
    def change_scope(self, place: int, session: str, is_joining: bool) -> None:
        where = self.places[place]
        with contextlib.suppress(NotFound):
            if is_joining:
                scopes.get_or_create(where.backends, where.workspace, "team", metadata=None)
                scopes.add_sessions(where.backends, where.workspace, "team", [session])
            else:
                scopes.remove_session(where.backends, where.workspace, "team", session)


def name_of(batch: Batch) -> str:
    """The key of the request that records it."""
    return f"key-{batch.place}-{batch.session}-{content_hash(batch.words[0])[:9]}"


def shown(made: list[Message]) -> JSONResponse:
    """The messages as far as an answer must be found by what it shows."""
    return JSONResponse([{"id": one.id, "session_id": one.session, "peer_id": one.peer} for one in made], 201)
