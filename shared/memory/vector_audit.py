"""Comparing rows and vector index by id, and making them alike again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from shared.backends import Backends
from shared.memory import vector_upkeep
from shared.memory.indexing import bring
from shared.memory.metering import INDEX, metered
from shared.store import conclusions, messages, vector_rows
from shared.store.vector_copies import VectorKind
from shared.vectors.index import Listing, VectorIndex

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Subject:
    """The index that is looked at, and others that may have vectors which are missing there."""

    index: VectorIndex
    others: tuple[VectorIndex, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for one workspace and kind: how many rows and vectors, and the ids that do not agree.

    `pending` rows are on their way in and `leaving` vectors on their way out: they are in order.
    """

    rows: int = 0
    held: int = 0
    pending: int = 0
    leaving: int = 0
    missing: list[str] = field(default_factory=list[str])
    orphans: list[str] = field(default_factory=list[str])

    @property
    def is_in_order(self) -> bool:
        return not self.missing and not self.orphans


def verify(backends: Backends, workspace: str, kind: VectorKind, index: VectorIndex) -> Finding:
    """Compare a workspace's rows with what `index` holds, by id. Changes nothing."""
    found = _rows_looked_up(backends, workspace, kind, index)
    held, leaving, orphans = 0, 0, list[str]()
    after: str | None = ""
    while after is not None:
        listing = _listed(index, kind)(workspace, after=after, most=_AT_ONCE)
        held, after = held + len(listing.ids), listing.after
        # Looked up after it was listed: a row that has just come is there by now.
        lost, going = _without_row(backends, workspace, kind, listing.ids)
        orphans += lost
        leaving += going
    return replace(found, held=held, leaving=leaving, orphans=orphans)


def repair(backends: Backends, workspace: str, kind: VectorKind, subject: Subject, finding: Finding) -> None:
    """Bring what is missing, from another store or embedded anew, and take out what has no row.

    What the model or the store refuses stays missing.
    """
    for start in range(0, len(finding.missing), _AT_ONCE):
        ids = finding.missing[start : start + _AT_ONCE]
        with metered(backends, workspace, embedding=INDEX) as own:
            bring_some = _bring_conclusions if kind == "conclusions" else _bring_messages
            bring_some(own, workspace, subject, ids)
    remove = subject.index.delete_conclusions if kind == "conclusions" else subject.index.delete_messages
    for start in range(0, len(finding.orphans), _AT_ONCE):
        # Once more: what a dream had hidden may hold again by now, and its vector be the one that was brought for it.
        lost, _ = _without_row(backends, workspace, kind, finding.orphans[start : start + _AT_ONCE])
        remove(workspace, lost)


def _listed(index: VectorIndex, kind: VectorKind) -> "Callable[..., Listing]":
    return index.listed_conclusions if kind == "conclusions" else index.listed_messages


def _rows_looked_up(backends: Backends, workspace: str, kind: VectorKind, index: VectorIndex) -> Finding:
    rows, pending, missing, after = 0, 0, list[str](), ""
    while True:
        ids, waiting, lacking = _some_rows(backends, workspace, kind, index, after)
        rows, pending = rows + len(ids), pending + waiting
        missing += lacking
        if len(ids) < _AT_ONCE:
            return Finding(rows=rows, pending=pending, missing=missing)
        after = ids[-1]


def _some_rows(
    backends: Backends, workspace: str, kind: VectorKind, index: VectorIndex, after: str
) -> tuple[list[str], int, list[str]]:
    """Ids of rows, how many of them are on their way in, and those that should be there and are not."""
    if kind == "conclusions":
        with backends.db.reading() as conn:
            found = vector_rows.conclusions_after(conn, workspace, after, most=_AT_ONCE)
        held = index.held_conclusions(workspace, list(found))
        absent = [one for one in found if one not in held]
        lacking = [one for one in absent if found[one]]
        return list(found), len(absent) - len(lacking), lacking
    with backends.db.reading() as conn:
        ids = vector_rows.messages_after(conn, workspace, after, most=_AT_ONCE)
    held = index.held_messages(workspace, ids)
    with backends.db.reading() as conn:
        absent = vector_rows.messages_of(conn, workspace, [one for one in ids if one not in held])
        waiting = vector_rows.pending_messages(conn, workspace, [one.id for one in absent])
    # There is nothing to embed in a blank one.
    lacking = [one.id for one in absent if one.id not in waiting and one.content.strip()]
    return ids, len(waiting), lacking


def _without_row(backends: Backends, workspace: str, kind: VectorKind, ids: Sequence[str]) -> tuple[list[str], int]:
    """Those of `ids` that nothing stands for, and how many more are about to go."""
    with backends.db.reading() as conn:
        if kind == "messages":
            left = messages.existing(conn, workspace, ids)
            return [one for one in ids if one not in left], 0
        left = set(conclusions.by_ids(conn, workspace, ids))
        lost = [one for one in ids if one not in left]
        going = vector_rows.leaving(conn, workspace, lost)
    return [one for one in lost if one not in going], len(going)


def _bring_conclusions(backends: Backends, workspace: str, subject: Subject, ids: Sequence[str]) -> None:
    with backends.db.reading() as conn:
        found = conclusions.by_ids(conn, workspace, ids)
    known = {one.id: one.vector for other in subject.others for one in other.stored_conclusions(workspace, list(found))}
    fresh, _ = vector_upkeep.embedded(backends, [one for one in found.values() if one.id not in known])
    records = vector_upkeep.records_of(found.values(), {**known, **fresh})
    vector_upkeep.placed(replace(backends, vectors=subject.index), records)


def _bring_messages(backends: Backends, workspace: str, subject: Subject, ids: Sequence[str]) -> None:
    with backends.db.reading() as conn:
        found = vector_rows.messages_of(conn, workspace, ids)
    stored = [one for other in subject.others for one in other.stored_messages(workspace, ids)]
    bring(replace(backends, vectors=subject.index), found, {(one.message_id, one.piece): one.vector for one in stored})
