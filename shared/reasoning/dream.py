"""Dreaming: one consolidation of a collection, phase by phase, each committed before the next begins."""

from dataclasses import astuple, replace
from datetime import timedelta

from shared.backends import Backends
from shared.domain.dream import Dream, Proposal, Specialist, phase_after
from shared.domain.json import Json
from shared.domain.work import Claim, WakeUp
from shared.memory import consolidate
from shared.memory.consolidate import Consolidated
from shared.memory.dreams import DreamRules, rules_of
from shared.memory.planning import derive_gate, rhythm
from shared.memory.relay import send
from shared.memory.webhooks import announce_drained
from shared.memory.work import perform
from shared.reasoning.shift import TO_COMMIT, Outdated, Shift
from shared.reasoning.specialists import Consulted, consult
from shared.store import calls, dream_checkpoints, dream_schedule, dreams, work
from shared.store.database import Connection
from shared.store.work import Outcome
from shared.telemetry import events
from shared.telemetry.events import publish
from shared.telemetry.logs import logger

# The items of a dream's unit weigh nothing: below that, a claim takes the first alone.
_ONE_ITEM = -1
# As long as a function may last.
_SHIFT = timedelta(seconds=900)


def dream(backends: Backends, wake_up: WakeUp, *, lasts: timedelta = _SHIFT) -> None:
    """Dream what the oldest waiting item of the unit asks for, once, or as much of it as can be done in time.

    Does nothing when the unit is leased, backing off or done. What does not fit into one call goes on in the next,
    in the midst of a phase, too; a phase that failed is tried again where it stood, those before it are not.
    """
    perform(backends, wake_up.unit, lambda own, claimed: _dream(Shift(own, claimed, lasts)), window_tokens=_ONE_ITEM)


def _dream(shift: Shift) -> None:
    backends, claimed = shift.backends, shift.claimed
    begun = backends.db.run(lambda conn: _begun(backends, conn, claimed))
    if begun is None:
        _end(backends, claimed, None)
        return
    current, rules = begun
    while current.phase != "done":
        if shift.is_over:
            shift.pause(current, None)
            return
        try:
            after = _phase(shift, current, rules, current.phase)
        except Outdated:
            after = shift.begin_anew(current)
        if after is None:
            return
        current = after
    _end(backends, claimed, current)


def _begun(backends: Backends, conn: Connection, claimed: Claim) -> tuple[Dream, DreamRules] | None:
    """The dream where it stands, and what it may do; None when it may not dream (any more)."""
    work.fence(conn, claimed)
    found = dreams.get(conn, claimed.unit, claimed.first_seq)
    if found is None or found.is_undone:
        return None
    rules = rules_of(backends, conn, found.collection.workspace, found.session)
    if not rules.may_dream or (found.kind == "card_refresh" and not rules.may_write_card):
        return None
    if found.begun_at is None:
        dreams.begin(conn, found, now=backends.clock.now())
    return found, rules


def _phase(shift: Shift, current: Dream, rules: DreamRules, phase: Specialist) -> Dream | None:
    """Do one phase and commit it, with the note that it is done; None when the next shift goes on with it.

    Raises `Outdated` when something was erased that it was shown: what it proposes may tell of it without naming it.
    """
    backends, workspace = shift.backends, current.collection.workspace
    is_skipped = phase == "card" and not rules.may_write_card
    consulted = Consulted(Proposal()) if is_skipped else consult(shift, current, phase, rules.configuration)
    if consulted is None:
        return None
    plan = consolidate.prepare(backends, current.collection, consulted.proposal)
    shift.keep(current, None, seconds=TO_COMMIT.total_seconds())

    def commit(conn: Connection) -> tuple[Consolidated, Dream]:
        # A second time, should the first have happened unnoticed, ends at the phase that is done.
        work.fence(conn, shift.claimed)
        if not plan.proposal.is_empty and not dream_checkpoints.stands(conn, workspace, consulted.shown):
            raise Outdated
        written = plan.write(backends, conn, current)
        calls.note(conn, workspace, made)
        return written, dreams.advance(conn, current, phase_after(current.kind, phase))

    with backends.tab.riding() as made:
        written, after = backends.db.run(commit)
    consolidate.index(backends, workspace, written, plan.vectors)
    logger.info(
        "dream_phase_done",
        dream=current.id,
        unit=shift.claimed.unit.alias,
        phase=phase,
        added=len(written.saved),
        gone=len(written.gone),
        turns=consulted.turns,
        is_cut=consulted.is_cut,
        input_tokens=consulted.usage.input_tokens,
        output_tokens=consulted.usage.output_tokens,
    )
    usage = consulted.usage
    publish(
        events.DREAM_SPECIALIST,
        f"{current.id}:{phase}",
        run_id=events.run_id(),
        specialist_type=phase,
        **_collection(current),
        iterations=consulted.turns,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        success=True,
        created_observation_count=len(written.saved),
        deleted_observation_count=len(written.gone),
        peer_card_updated=consulted.proposal.card is not None,
    )
    return after


def _end(backends: Backends, claimed: Claim, ended: Dream | None) -> None:
    """Finish the item. A dream that was dreamt to its end counts for the collection, one that may not does not."""
    now = backends.clock.now()
    pace, gate = rhythm(backends.settings), derive_gate(backends.settings)
    spent = Outcome("", 0, 0, 0) if ended is None else _spent(backends, ended)

    def finish(conn: Connection, spent: Outcome) -> list[WakeUp]:
        work.fence(conn, claimed)
        dreamt = dreams.end(conn, claimed.unit, claimed.first_seq, now=now)
        if ended is not None and dreamt is not None:
            dream_schedule.succeed(conn, ended.collection, pace, dreamt=dreamt, now=now)
        return work.finish(conn, claimed, spent, gate=gate, now=now) + announce_drained(backends, conn, claimed.unit)

    with backends.tab.riding() as made:
        wake_ups = backends.db.run(lambda conn: finish(conn, replace(spent, calls=made)))
    send(backends, wake_ups)
    if ended is not None:
        publish(
            events.DREAM_RUN,
            ended.id,
            run_id=events.run_id(),
            **_collection(ended),
            session_name=events.alias(ended.collection.workspace, ended.session),
            dream_type=ended.kind,
            trigger_reason=ended.cause,
            surprisal_enabled=backends.settings.dream.surprisal.enabled,
            total_input_tokens=ended.input_tokens,
            total_output_tokens=ended.output_tokens,
        )
    logger.info("dream_ended", unit=claimed.unit.alias, is_dreamt=ended is not None)


def _collection(dreamt: Dream) -> dict[str, Json]:
    workspace, observer, observed = astuple(dreamt.collection)
    return {
        "workspace_name": workspace,
        "observer": events.alias(workspace, observer),
        "observed": events.alias(workspace, observed),
    }


def _spent(backends: Backends, ended: Dream) -> Outcome:
    model = backends.models.dream("card" if ended.kind == "card_refresh" else "deduction")
    return Outcome(model.name, ended.input_tokens, ended.output_tokens, 0)
