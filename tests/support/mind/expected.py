"""What may be concluded from what is said in one workspace, worked out from the history of its settings alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Switch = Literal["reasoning", "summary", "dream", "peer_card"]
SWITCHES: tuple[Switch, ...] = ("reasoning", "summary", "dream", "peer_card")


@dataclass(frozen=True)
class Said:
    """A message that was recorded. `observers` may learn from it; None when nobody may."""

    id: str
    session: str
    seq: int
    author: str
    word: str
    observers: frozenset[str] | None


@dataclass
class Seat:
    """A peer's place in a session."""

    is_taken: bool = True
    observe_me: bool | None = None
    observe_others: bool | None = None


@dataclass
class Room:
    """A session: what is switched there, and who is in it."""

    switches: dict[Switch, bool | None] = field(default_factory=dict[Switch, bool | None])
    seats: dict[str, Seat] = field(default_factory=dict[str, Seat])


@dataclass
class Expected:
    """The rules of chapters 1.4 and 1.5 of the pipeline, applied to what happened so far."""

    switches: dict[Switch, bool | None] = field(default_factory=dict[Switch, bool | None])
    rooms: dict[str, Room] = field(default_factory=dict[str, Room])
    # What peers say of themselves, wherever they are.
    shy: dict[str, bool] = field(default_factory=dict[str, bool])
    said: dict[str, Said] = field(default_factory=dict[str, Said])
    # Erased, and not seen again so far.
    gone: set[str] = field(default_factory=set[str])
    # Sessions in which work may come back: something was taken out of them.
    disturbed: set[str] = field(default_factory=set[str])
    # Sessions that did without summaries at some time.
    untold: set[str] = field(default_factory=set[str])

    def room(self, session: str) -> Room:
        return self.rooms.setdefault(session, Room())

    def is_on(self, switch: Switch, session: str | None, own: bool | None = None) -> bool:
        """The message's word, then the session's, then the workspace's, then yes."""
        here = self.rooms[session].switches.get(switch) if session in self.rooms else None
        return next((one for one in (own, here, self.switches.get(switch)) if one is not None), True)

    def observers(self, session: str, author: str, own: bool | None) -> frozenset[str] | None:
        """Who learns from what `author` says there now, whose message says `own` about reasoning."""
        seats = self.room(session).seats
        told = (seats[author].observe_me, self.shy.get(author))
        is_observed = next((one for one in told if one is not None), True)
        if not is_observed or not self.is_on("reasoning", session, own):
            return None
        watching = (peer for peer, seat in seats.items() if seat.is_taken and seat.observe_others)
        return frozenset({author, *watching})

    def switch(self, switch: Switch, session: str | None, value: bool | None) -> None:
        (self.switches if session is None else self.room(session).switches)[switch] = value
        if switch == "summary":
            self.untold |= {one for one in (*self.rooms, session) if one and not self.is_on("summary", one)}

    def arrive(self, session: str, peers: Iterable[str], seat: Seat | None = None) -> None:
        """They are members: who was one keeps what it has, who had left comes back with new settings."""
        for peer in peers:
            self.meet(peer)
            known = self.room(session).seats.get(peer)
            if known is None or not known.is_taken:
                self.room(session).seats[peer] = replace(seat or Seat())

    def leave(self, session: str, peer: str) -> None:
        known = self.room(session).seats.get(peer)
        if known is not None:
            known.is_taken = False

    def watch(self, session: str, peer: str, given: Seat) -> None:
        """What is given is changed; a membership is made where there was none."""
        self.meet(peer)
        seat = self.room(session).seats.setdefault(peer, Seat())
        seat.observe_me = seat.observe_me if given.observe_me is None else given.observe_me
        seat.observe_others = seat.observe_others if given.observe_others is None else given.observe_others

    def meet(self, peer: str) -> None:
        """Whoever comes after the erasure of a name is somebody else, and has learned nothing."""
        if peer in self.gone:
            self.gone.discard(peer)
            for one in self.said.values():
                if one.observers is not None:
                    self.said[one.id] = replace(one, observers=one.observers - {peer})

    def record(self, new: Sequence[Said]) -> None:
        self.said |= {one.id: one for one in new}

    def forget_peer(self, peer: str) -> None:
        self.gone.add(peer)
        self.shy.pop(peer, None)
        # The dreams about it, which are of no session, are counted from the beginning.
        self.disturbed |= {"", *(one.session for one in self.said.values())}
        for room in self.rooms.values():
            room.seats.pop(peer, None)

    def forget_session(self, session: str) -> None:
        self.disturbed.add(session)
        self.rooms.pop(session, None)
