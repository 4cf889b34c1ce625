"""Copying the vectors that Postgres holds into another store: once, after that store was chosen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.backends import Backends
from shared.store import conclusions, messages, vector_copies, vector_rows
from shared.store.vector_copies import Copied, VectorKind
from shared.vectors.index import VectorIndex

_MOST_WORKSPACES = 1000
# As many as one request carries to any store.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy from one store into another. `target` names the other one and its space, for what is remembered."""

    source: VectorIndex
    into: VectorIndex
    target: str


def workspaces(backends: Backends) -> Iterator[str]:
    """The names of all workspaces, in order."""
    after, names = "", [""]
    while names:
        with backends.db.reading() as conn:
            names = vector_rows.workspaces_after(conn, after, most=_MOST_WORKSPACES)
        yield from names
        after = names[-1] if names else ""


def copy(backends: Backends, workspace: str, kind: VectorKind, job: Copy) -> Iterator[Copied]:
    """Copy a workspace's vectors batch by batch; gives how far it is after each.

    Goes on where an earlier one ended. What was written since the other store was chosen is there already; twice
    does no harm.
    """
    with backends.db.reading() as conn:
        copied = vector_copies.get(conn, workspace, job.target, kind)
    while not copied.is_done:
        listed = job.source.listed_conclusions if kind == "conclusions" else job.source.listed_messages
        listing = listed(workspace, after=copied.last, most=_AT_ONCE)
        _hand_over(backends, workspace, kind, job, listing.ids)
        last = listing.ids[-1] if listing.ids else copied.last
        copied = Copied(last, copied.count + len(listing.ids), listing.after is None)
        backends.db.run(lambda conn, copied=copied: vector_copies.put(conn, workspace, job.target, kind, copied))
        yield copied


def again(backends: Backends, workspace: str, target: str) -> None:
    """Have the next copy begin at the beginning."""
    backends.db.run(lambda conn: vector_copies.forget(conn, workspace, target))


def _hand_over(backends: Backends, workspace: str, kind: VectorKind, job: Copy, ids: Sequence[str]) -> None:
    if kind == "conclusions":
        job.into.upsert_conclusions(job.source.stored_conclusions(workspace, ids))
        with backends.db.reading() as conn:
            left = set(conclusions.by_ids(conn, workspace, ids))
        # Whoever deleted them since could not see what was just copied.
        job.into.delete_conclusions(workspace, [one for one in ids if one not in left])
    else:
        job.into.upsert_messages(job.source.stored_messages(workspace, ids))
        # Deletions take a message's vectors before its row, the source's first: what it has no more was taken out of
        # the other store perhaps before it came there.
        held = job.source.held_messages(workspace, ids)
        with backends.db.reading() as conn:
            left = held & messages.existing(conn, workspace, ids)
        job.into.delete_messages(workspace, [one for one in ids if one not in left])
