"""A collection as it stands, to be compared with itself; and dreams whose specialists want what a test wants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import LiteralString

from shared.domain.conclusion import Collection
from shared.domain.dream import DreamRequest, Proposal, Specialist, phase_after
from shared.memory import consolidate
from shared.memory.planning import derive_gate
from shared.store import dream_schedule, dreams, work
from shared.store.work import Outcome
from tests.support.workplace import Row, Workplace

# All that a reader may ever see of a conclusion; what the index knows of it is another question.
HELD: LiteralString = """
SELECT id, level, content, session, is_derived, times_derived, source_ids, message_ids, premises, metadata, quotes,
       quote_state, occurred_at, created_at, event_at, trace_id, copied_from
  FROM conclusions
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s AND deleted_at IS NULL
"""
CARD: LiteralString = """
SELECT entries FROM peer_cards
 WHERE workspace = %(workspace)s AND observer = %(observer)s AND observed = %(observed)s
"""
# What holds though something that it rests on does not, and was not overtaken either: the next dream takes it away.
LOST: LiteralString = """
SELECT c.id
  FROM conclusions AS c, unnest(c.source_ids) AS s (id)
 WHERE c.workspace = %(workspace)s AND c.observer = %(observer)s AND c.observed = %(observed)s
   AND c.deleted_at IS NULL
   AND NOT EXISTS (SELECT FROM conclusions AS p
                    WHERE p.workspace = c.workspace AND p.id = s.id AND p.deleted_at IS NULL)
   AND NOT EXISTS (SELECT FROM dream_changes AS h
                    WHERE h.workspace = c.workspace AND h.conclusion = s.id AND h.action = 'superseded'
                      AND NOT h.is_undone)
"""


@dataclass(frozen=True)
class State:
    """What holds in a collection, and its card; None where there is none."""

    held: Mapping[str, Row]
    card: Sequence[str] | None
    lost: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def unsteady(self) -> set[str]:
        """What has lost something that it rests on, and all that rests on that."""
        found: set[str] = set(self.lost)
        while above := {key for key, row in self.held.items() if key not in found and found & {*row["source_ids"]}}:
            found |= above
        return found

    def is_back(self, before: "State") -> bool:
        """Whether all is as it was before, but for what was about to fall then: of that nothing new is there."""
        fallen = before.unsteady
        return (
            self.card == before.card
            and self.held.keys() <= before.held.keys()
            and all(self.held.get(key) == row for key, row in before.held.items() if key not in fallen)
        )


def state(place: Workplace, collection: Collection) -> State:
    """The collection as it stands now."""
    names = {"observer": collection.observer, "observed": collection.observed}
    cards = place.rows(CARD, **names)
    held = {row["id"]: row for row in place.rows(HELD, **names)}
    lost = frozenset(row["id"] for row in place.rows(LOST, **names))
    return State(held, cards[0]["entries"] if cards else None, lost)


def dreams_of(place: Workplace, collection: Collection, wanted: Mapping[Specialist, Proposal]) -> str:
    """Dream a whole dream whose specialists propose this; gives its id."""
    unit, backends = dreams.unit_of(collection), place.backends
    with backends.db.transaction() as conn:
        dreams.request(conn, DreamRequest(collection, "omni", "manual"), now=place.clock.now())
    claimed = place.claims(unit, window_tokens=-1)
    assert claimed is not None
    with backends.db.transaction() as conn:
        current = dreams.get(conn, unit, claimed.first_seq)
        assert current is not None
        dreams.begin(conn, current, now=place.clock.now())
    while current.phase != "done":
        place.clock.advance(seconds=1)
        plan = consolidate.prepare(backends, collection, wanted.get(current.phase, Proposal()))
        with backends.db.transaction() as conn:
            work.fence(conn, claimed)
            written = plan.write(backends, conn, current)
            current = dreams.advance(conn, current, phase_after(current.kind, current.phase))
        consolidate.index(backends, collection.workspace, written, plan.vectors)
    place.clock.advance(seconds=1)
    with backends.db.transaction() as conn:
        work.fence(conn, claimed)
        dreams.end(conn, unit, claimed.first_seq, now=place.clock.now())
        dream_schedule.ensure(conn, collection)
        work.finish(
            conn, claimed, Outcome("test/1", 0, 0, 0), gate=derive_gate(backends.settings), now=place.clock.now()
        )
    return current.id
