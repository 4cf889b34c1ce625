"""Undoing a dream: its collection as it was before, but for what has been forgotten or deleted since."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from shared.backends import Backends
from shared.domain.card_changes import lines_after, lines_before
from shared.domain.conclusion import Collection
from shared.domain.dream import DreamRecord
from shared.domain.errors import Conflict, DatabaseUnavailable, IndexUnavailable, ModelUnavailable, NotFound
from shared.memory.note import UNNOTED, Note
from shared.memory.timer import arm
from shared.memory.vector_upkeep import bring
from shared.store import cards, conclusions, dream_records, dream_traces, dreams, lineage, undoing
from shared.store.database import Connection
from shared.store.undoing import Lacking, Noted, Row
from shared.telemetry.logs import logger

# As many as can be embedded while somebody waits for the answer.
_MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back: ids that hold no more, and ids that hold again."""

    gone: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()


def undo(backends: Backends, workspace: str, dream_id: str, *, note: Note[DreamRecord] = UNNOTED) -> DreamRecord:
    """Take back all that the dream changed, in one transaction; gives the dream as it is now.

    Once more does nothing, however many ask. Raises `NotFound`, and `Conflict` with its reason while the dream waits
    or goes on, and where something that came later is built on what it did: then nothing changes.
    """
    done: list[Undone] = []

    def work(conn: Connection) -> DreamRecord:
        before = _held(conn, workspace, dream_id)
        if before.undone_at is None:
            _check_may_be_undone(conn, before)
            done.append(_Undoing(backends, conn, before).carry_out())
        after = _found(conn, workspace, dream_id)
        note(conn, after)
        return after

    found = backends.db.run(work)
    if done:
        is_indexed = _index(backends, workspace, done[-1])
        arm(backends, by=None if is_indexed else backends.clock.now())
        logger.info("dream_undone", dream=dream_id, gone=len(done[-1].gone), restored=len(done[-1].restored))
    return found


def _found(conn: Connection, workspace: str, dream_id: str) -> DreamRecord:
    found = dream_records.get(conn, workspace, dream_id)
    if found is None:
        raise NotFound(f"dream {dream_id} not found")
    return found


def _held(conn: Connection, workspace: str, dream_id: str) -> DreamRecord:
    """The dream, whose unit is held: who came first has ended, and is seen."""
    undoing.hold_unit(conn, workspace, dreams.unit_of(_found(conn, workspace, dream_id).collection).key)
    return _found(conn, workspace, dream_id)


def _check_may_be_undone(conn: Connection, dream: DreamRecord) -> None:
    standing = undoing.standing(conn, dream.workspace, dream.id, dreams.unit_of(dream.collection).key)
    if standing is None:
        raise NotFound(f"dream {dream.id} not found")
    if standing.is_owed and dream.begun_at is None:
        raise Conflict(f"dream {dream.id} has not begun")
    if standing.is_owed:
        raise Conflict(f"dream {dream.id} is under way: undo it when it has ended")
    if standing.under_way is not None:
        raise Conflict(f"dream {standing.under_way} of the same peers is under way: try again when it has ended")
    if standing.erased_peer is not None:
        raise Conflict(f"peer {standing.erased_peer} is being erased")
    if not standing.is_whole:
        raise Conflict(f"dream {dream.id} is of a release that did not record all that a dream changes")


@dataclass(slots=True)
class _Undoing:
    """One undoing in its transaction. What cannot be taken back without loss raises `Conflict`."""

    backends: Backends
    conn: Connection
    dream: DreamRecord
    changes: list[Noted] = field(default_factory=list[Noted])
    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    # Places of the changes that are taken back.
    undone: list[int] = field(default_factory=list[int])

    @property
    def workspace(self) -> str:
        return self.dream.workspace

    @property
    def collection(self) -> Collection:
        return self.dream.collection

    def carry_out(self) -> Undone:
        now = self.backends.clock.now()
        self.changes = undoing.noted(self.conn, self.workspace, self.dream.id)
        named = {one.change.conclusion for one in self.changes if one.change.conclusion is not None}
        self.rows = undoing.hold(self.conn, self.workspace, sorted(named))
        self._check_unchanged()
        added = self._added()
        reverted = self._reverted()
        conclusions.hide(self.conn, self.workspace, added, now)
        restored = self._restored(reverted)
        self._card()
        self._check_unused(added)
        # A run that waits was shown what is no more, or does not know what is again.
        dream_traces.forget_runs(self.conn, self.collection)
        undoing.close(self.conn, self.workspace, self.dream.id, self.undone, now)
        return Undone(tuple(added), tuple(restored))

    def _check_unchanged(self) -> None:
        found = undoing.changed_later(self.conn, self.workspace, self.dream.id)
        if found is not None:
            conclusion, later = found
            raise Conflict(f"dream {later} has changed conclusion {conclusion} since: undo that dream first")

    def _added(self) -> list[str]:
        """What the dream added and nobody has taken away."""
        mine = [one for one in self.changes if one.change.action == "added" and self._is_live(one)]
        self.undone += [one.place for one in mine]
        return [str(one.change.conclusion) for one in mine]

    def _reverted(self) -> list[str]:
        """Conclusions that are made again what they were before the dream first changed them."""
        first: dict[str, int] = {}
        for one in self.changes:
            if one.has_former and self._is_live(one):
                first.setdefault(str(one.change.conclusion), one.place)
                self.undone.append(one.place)
        undoing.revert(self.conn, self.workspace, self.dream.id, list(first.values()))
        return list(first)

    def _restored(self, reverted: Sequence[str]) -> list[str]:
        """What the dream took away holds again, if what it rests on does; as little is given back to `reverted` ones.

        What a client has deleted takes with it what rested on it: a dream only carries that out.
        """
        hidden = {str(one.change.conclusion): one for one in self.changes if self._is_hidden_by_dream(one)}
        lacking = undoing.lacking(self.conn, self.workspace, self.dream.id, [*hidden, *reverted])
        _check_not_taken(lacking)
        back = _well_founded(hidden.keys(), lacking)
        twins = undoing.concluded_again(self.conn, self.workspace, sorted(back))
        if twins is not None:
            raise Conflict(f"conclusion {twins[0]} has been concluded again since, as {twins[1]}")
        undoing.restore(self.conn, self.workspace, sorted(back), self.backends.clock.now())
        self.undone += [hidden[one].place for one in back]
        self._trim(reverted, back, lacking)
        return sorted(back)

    def _trim(self, reverted: Sequence[str], back: Set[str], lacking: Sequence[Lacking]) -> None:
        without: dict[str, list[str]] = {}
        for one in lacking:
            # What it rested on until now it goes on resting on.
            is_new = one.conclusion in reverted and one.source not in self.rows[one.conclusion].source_ids
            if is_new and one.source not in back and not one.is_overtaken:
                without.setdefault(one.conclusion, []).append(one.source)
        now = undoing.hold(self.conn, self.workspace, sorted(without))
        kept = {key: [one for one in now[key].source_ids if one not in gone] for key, gone in without.items()}
        lineage.keep_sources(self.conn, self.workspace, kept)

    def _card(self) -> None:
        changes = [one for one in self.changes if one.change.line is not None or one.change.action == "card_made"]
        if not changes:
            return
        said = [one.change for one in changes]
        if undoing.hold_card(self.conn, self.collection) != lines_after(said):
            raise Conflict("the card has been changed since")
        if any(one.action == "card_made" for one in said):
            undoing.drop_card(self.conn, self.collection)
        else:
            cards.put(self.conn, self.collection, lines_before(said), self.backends.clock.now())
        self.undone += [one.place for one in changes]

    def _check_unused(self, added: Sequence[str]) -> None:
        """Nothing may rest on what goes; what rests on it in the dream itself has gone with it."""
        resting = lineage.resting_on(self.conn, self.collection, added)
        if resting:
            raise Conflict(f"conclusion {resting[0].id} rests on what the dream added")
        found = undoing.gave_way(self.conn, self.workspace, self.dream.id, added)
        if found is not None:
            raise Conflict(
                f"something has given way to conclusion {found[0]} in dream {found[1]}: undo that dream first"
            )
        line = undoing.line_on(self.conn, self.workspace, self.dream.id, added)
        if line is not None:
            raise Conflict(f"dream {line} has written on the card what rests on what this one added")

    def _is_live(self, noted: Noted) -> bool:
        row = self.rows.get(noted.change.conclusion or "")
        return row is not None and row.deleted_at is None

    def _is_hidden_by_dream(self, noted: Noted) -> bool:
        row = self.rows.get(noted.change.conclusion or "")
        is_mine = noted.change.action in ("superseded", "deleted")
        return is_mine and row is not None and row.deleted_at == noted.changed_at and not row.is_leaving


def _check_not_taken(lacking: Sequence[Lacking]) -> None:
    for one in lacking:
        if one.taken_by is not None:
            reason = f"dream {one.taken_by} has taken away since what conclusion {one.conclusion} rests on"
            raise Conflict(f"{reason}: undo that dream first")


def _well_founded(hidden: Set[str], lacking: Sequence[Lacking]) -> set[str]:
    """Those of `hidden` that may hold again, together: no source of theirs is gone for good."""
    back = set(hidden)
    while True:
        fallen = {
            one.conclusion
            for one in lacking
            if one.conclusion in back and one.source not in back and not one.is_overtaken
        }
        if not fallen:
            return back
        back -= fallen


def _index(backends: Backends, workspace: str, undone: Undone) -> bool:
    """Bring the index in line with it as far as that can be done now; False when what was restored is left to tick."""
    try:
        backends.vectors.delete_conclusions(workspace, undone.gone)
        if not undone.restored:
            return True
        if len(undone.restored) <= _MOST_AT_ONCE:
            with backends.db.reading() as conn:
                found = conclusions.by_ids(conn, workspace, undone.restored)
            return bring(backends, workspace, list(found.values()))
    except (IndexUnavailable, DatabaseUnavailable, ModelUnavailable) as error:
        logger.warning("undone_not_indexed", count=len(undone.restored), error=type(error).__name__)
    except Exception:
        # It is undone: even a mistake of ours must not look as if it were not.
        logger.exception("index_broke_off", count=len(undone.restored))
    return not undone.restored
