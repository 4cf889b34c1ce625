"""Taking up the run of a specialist where an earlier shift has left it."""

from dataclasses import dataclass

from shared.domain.dream import Dream
from shared.memory.metering import querying
from shared.reasoning.checkpoint import Checkpoint, read
from shared.reasoning.loop import Progress
from shared.reasoning.shift import Shift
from shared.reasoning.tools.workbench import Workbench
from shared.store import cards, conclusions, dream_checkpoints, work
from shared.store.database import Connection
from shared.telemetry.logs import logger


@dataclass(frozen=True, slots=True)
class TakenUp:
    """A run as it was left, which was `shown` these. `is_done`: the model has said all, and the proposal waits for its
    commit."""

    bench: Workbench
    shown: tuple[str, ...]
    progress: Progress
    is_done: bool
    is_cut: bool


def taken_up(shift: Shift, dream: Dream, made_by: str) -> TakenUp | None:
    """The run of the dream's phase that was left, if it can be continued; what cannot is dropped, and that counted."""
    backends = shift.backends
    with backends.db.reading() as conn:
        kept = dream_checkpoints.get(conn, dream)
    if kept is None:
        return None
    checkpoint = read(kept)
    if checkpoint is None:
        return _dropped(shift, dream, "unreadable")
    if checkpoint.is_done:
        # What it rests on is looked at again by whoever commits it.
        bench = Workbench.laid_out(backends, dream.collection, checkpoint.notes, ())
        return TakenUp(bench, checkpoint.notes.shown, checkpoint.progress, is_done=True, is_cut=checkpoint.is_cut)
    if kept.made_by != made_by:
        return _dropped(shift, dream, "made by another program, prompt or model")
    return _continued(shift, dream, checkpoint)


def _continued(shift: Shift, dream: Dream, checkpoint: Checkpoint) -> TakenUp | None:
    """What was shown is looked up again: a model must not go on with what is not so any more."""
    backends, notes = querying(shift.backends), checkpoint.notes
    with backends.db.reading() as conn:
        shown = conclusions.by_ids(conn, dream.collection.workspace, notes.shown)
        version = cards.read(conn, dream.collection).version if dream.phase == "card" else notes.card.version
    if len(shown) < len(notes.shown):
        return _dropped(shift, dream, "conclusions are gone")
    if version != notes.card.version:
        return _dropped(shift, dream, "the card was written meanwhile")
    bench = Workbench.laid_out(backends, dream.collection, notes, (shown[one] for one in notes.shown))
    logger.info("dream_taken_up", dream=dream.id, phase=dream.phase, turns=checkpoint.progress.turns)
    return TakenUp(bench, notes.shown, checkpoint.progress, is_done=False, is_cut=False)


def _dropped(shift: Shift, dream: Dream, reason: str) -> None:
    def drop(conn: Connection) -> None:
        work.fence(conn, shift.claimed)
        dream_checkpoints.drop(conn, dream)

    shift.backends.db.run(drop)
    logger.warning("dream_begun_anew", dream=dream.id, phase=dream.phase, reason=reason)
