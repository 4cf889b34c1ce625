"""Uses of the store around sessions, their members and their messages, whose plans are looked at."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from shared.domain.conclusion import Collection
from shared.domain.json import JsonObject
from shared.domain.session import ObservationSettings
from shared.domain.webhook import WebhookEvent
from shared.domain.work import TaskKind, WorkUnit
from shared.store import (
    cards,
    cloning,
    conclusions,
    dreams,
    members,
    message_index,
    messages,
    peers,
    scopes,
    sessions,
    snippets,
    space_choices,
    vector_copies,
    webhooks,
    work,
)
from shared.store.database import Connection
from shared.store.outbox import Gate
from shared.store.work import ClaimTerms
from tests.support.backends import THEN

COLLECTION: Final = Collection("w1", "p1", "p1")
_INDEX: Final = WorkUnit("w1", TaskKind.INDEX, "clone")
_TERMS: Final = ClaimTerms(Gate(0, None), 1024, timedelta(seconds=90))
_WATCHING: Final = ObservationSettings(observe_others=True)
_ABOUT: Final[JsonObject] = {"workspace_id": "w1"}


def _cloned(conn: Connection) -> None:
    assert cloning.last_place(conn, "w1", "s2", None) == 40
    cloning.last_place(conn, "w1", "s2", "m2-7")
    assert cloning.copy(conn, "w1", "s2", "clone", 20, THEN) is not None
    assert cloning.plan_index(conn, _INDEX, now=THEN)


def _joined(conn: Connection) -> None:
    members.replace(conn, "w1", "s1", {"p1": _WATCHING, "p9": _WATCHING}, THEN)
    members.set_observation(conn, "w1", "s1", "p2", _WATCHING, THEN)
    members.leave(conn, "w1", "s1", ["p2"], THEN)
    members.count_observers(conn, "w1", "s1")
    peers.leaving(conn, "w1", ["p1", "p2"])


def _held(conn: Connection) -> None:
    sessions.lock(conn, "w1", "s1")
    sessions.hold_active(conn, "w1", "s1")
    sessions.any_active(conn, "w2")


def _told(conn: Connection) -> None:
    webhooks.hold(conn, "w1")
    webhooks.every(conn, "w1")
    webhooks.get(conn, "w1", "h1")
    assert webhooks.announce(conn, "w1", WebhookEvent("e", "test.event", _ABOUT, THEN))
    webhooks.owed(conn, "w1", "h1", [1, 2])
    webhooks.settle(conn, "w1", "h1", [1, 2])
    webhooks.is_drained_and_heard(conn, WorkUnit("w1", TaskKind.DERIVE, "s1", "p1"))
    assert webhooks.delete(conn, "w1", "h1")


def _indexed(conn: Connection) -> None:
    message_index.index(conn, "w1", "s1", 100, 140)
    message_index.index_again(conn, "w1", "s1", ["m7", "m8"])


def _dreamt(conn: Connection) -> None:
    unit = WorkUnit("w1", TaskKind.DERIVE, "s1", "p1")
    claimed = work.claim(conn, unit, _TERMS, now=THEN)
    assert claimed is not None
    dreams.extend(conn, claimed, until=THEN)
    cards.put(conn, COLLECTION, ["a"], THEN)
    card = cards.read(conn, COLLECTION)
    assert cards.put_over(conn, COLLECTION, ["b"], version=card.version, now=THEN)
    cards.drop_of(conn, "w1", ["c1", "c9"])


SESSION_USES: Final[dict[str, Callable[[Connection], object]]] = {
    "session_cloned": _cloned,
    "session_joined": _joined,
    "session_held": _held,
    "sessions_of_observer": lambda conn: members.sessions_of(conn, "w1", "p9"),
    "messages_indexed": _indexed,
    "messages_existing": lambda conn: messages.existing(conn, "w1", ["m1", "m5000"]),
    "snippets": lambda conn: snippets.read(conn, "w1", [snippets.Stretch("s1", 7, 9), snippets.Stretch("s2", 1, 3)]),
    "scopes_found": lambda conn: scopes.find(conn, "w1", ["p1", "p9"]),
    "conclusions_indexed": lambda conn: conclusions.mark_indexed(conn, "w1", ["c1", "c9"], THEN),
    "vector_copied": lambda conn: vector_copies.get(conn, "w1", "t", "messages"),
    "space_lapsed": lambda conn: space_choices.some(conn, most=2000),
    "endpoint_told": _told,
    "dream_card": _dreamt,
}
