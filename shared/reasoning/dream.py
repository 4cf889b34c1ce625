"""Dreaming: one consolidation of a collection, phase by phase, each committed before the next begins."""

from dataclasses import replace
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from shared.backends import Backends
from shared.domain.dream import Dream, Proposal, Specialist, phase_after
from shared.domain.work import Claim, WakeUp
from shared.llm.types import Usage
from shared.memory import consolidate
from shared.memory.consolidate import Consolidated
from shared.memory.dreams import DreamRules, rules_of
from shared.memory.planning import derive_gate, rhythm
from shared.memory.relay import send
from shared.memory.webhooks import announce_drained
from shared.memory.work import perform
from shared.reasoning.specialists import Consulted, consult
from shared.store import dream_schedule, dreams, forgetting, work
from shared.store.database import Connection
from shared.store.work import Outcome
from shared.telemetry.logs import logger

# The items of a dream's unit weigh nothing: below that, a claim takes the first alone.
_ONE_ITEM = -1
# One call of the function lasts 900 s at most; what comes after the model (vectors, the commit) is quick.
SHIFT = timedelta(seconds=860)
TO_COMMIT = timedelta(seconds=30)
_PROPOSAL = TypeAdapter(tuple[str, Proposal, int, int])


def dream(backends: Backends, wake_up: WakeUp) -> None:
    """Dream what the oldest waiting item of the unit asks for, once.

    Does nothing when the unit is leased, backing off or done. What does not fit into one call goes on in the next;
    a phase that failed is tried again, those before it are not.
    """
    perform(backends, wake_up.unit, lambda claimed: _dream(backends, claimed), window_tokens=_ONE_ITEM)


def _dream(backends: Backends, claimed: Claim) -> None:
    until = backends.clock.now() + SHIFT
    begun = backends.db.run(lambda conn: _begun(backends, conn, claimed))
    if begun is None:
        _end(backends, claimed, None)
        return
    current, rules = begun
    is_first = True
    while current.phase != "done":
        if not is_first and backends.clock.now() + _longest_phase(backends) > until:
            send(backends, backends.db.run(lambda conn: _hand_on(backends, conn, claimed)))
            return
        current = _phase(backends, claimed, current, rules, current.phase)
        is_first = False
    _end(backends, claimed, current)


def _longest_phase(backends: Backends) -> timedelta:
    return timedelta(seconds=backends.settings.dream.timeout_seconds) + TO_COMMIT


def _hand_on(backends: Backends, conn: Connection, claimed: Claim) -> list[WakeUp]:
    return forgetting.hand_on(conn, claimed, now=backends.clock.now())


def _begun(backends: Backends, conn: Connection, claimed: Claim) -> tuple[Dream, DreamRules] | None:
    """The dream where it stands, and what it may do; None when it may not dream (any more)."""
    work.fence(conn, claimed)
    found = dreams.get(conn, claimed.unit, claimed.first_seq)
    if found is None:
        return None
    rules = rules_of(backends, conn, found.collection.workspace, found.session)
    if not rules.may_dream or (found.kind == "card_refresh" and not rules.may_write_card):
        return None
    if found.begun_at is None:
        dreams.begin(conn, found, now=backends.clock.now())
    return found, rules


def _phase(backends: Backends, claimed: Claim, current: Dream, rules: DreamRules, phase: Specialist) -> Dream:
    """Do one phase and commit it, with the note that it is done."""
    following = phase_after(current.kind, phase)
    if phase == "card" and not rules.may_write_card:
        consulted = Consulted(Proposal())
    else:
        consulted = _consulted(backends, claimed, current, phase)
    plan = consolidate.prepare(backends, current.collection, consulted.proposal)
    _hold(backends, claimed, TO_COMMIT.total_seconds())

    def commit(conn: Connection) -> Consolidated:
        # A second time, should the first have happened unnoticed, ends at the phase that is done.
        work.fence(conn, claimed)
        written = plan.write(backends, conn, current)
        usage = consulted.usage
        dreams.advance(conn, current, following, input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
        return written

    written = backends.db.run(commit)
    consolidate.index(backends, current.collection.workspace, written, plan.vectors)
    logger.info(
        "dream_phase_done",
        dream=current.id,
        unit=str(claimed.unit),
        phase=phase,
        added=len(written.saved),
        gone=len(written.gone),
        turns=consulted.turns,
        is_cut=consulted.is_cut,
        input_tokens=consulted.usage.input_tokens,
        output_tokens=consulted.usage.output_tokens,
    )
    usage = consulted.usage
    return replace(
        current,
        phase=following,
        input_tokens=current.input_tokens + usage.input_tokens,
        output_tokens=current.output_tokens + usage.output_tokens,
    )


def _consulted(backends: Backends, claimed: Claim, current: Dream, phase: Specialist) -> Consulted:
    """What the specialist proposes; kept on the unit row before anything else can fail."""
    kept = _kept(claimed, phase)
    if kept is not None:
        return kept
    consulted = consult(backends, current, phase, before_each=lambda seconds: _hold(backends, claimed, seconds))
    usage = consulted.usage
    told = _PROPOSAL.dump_json((phase, consulted.proposal, usage.input_tokens, usage.output_tokens)).decode()
    with backends.db.reading() as conn:
        work.keep_answer(conn, claimed, told)
    return consulted


def _kept(claimed: Claim, phase: Specialist) -> Consulted | None:
    """What a worker that died before its commit had heard from this very specialist."""
    if claimed.answer is None:
        return None
    try:
        told, proposal, input_tokens, output_tokens = _PROPOSAL.validate_json(claimed.answer)
    except ValidationError:
        return None
    return Consulted(proposal, Usage(input_tokens, output_tokens)) if told == phase else None


def _hold(backends: Backends, claimed: Claim, seconds: float) -> None:
    """Keep the claim for as long as what comes next may take."""
    lease_s = max(seconds + TO_COMMIT.total_seconds(), backends.settings.queue.lease_seconds)
    until = backends.clock.now() + timedelta(seconds=lease_s)
    with backends.db.reading() as conn:
        dreams.extend(conn, claimed, until=until)


def _end(backends: Backends, claimed: Claim, ended: Dream | None) -> None:
    """Finish the item. A dream that was dreamt to its end counts for the collection, one that may not does not."""
    now = backends.clock.now()
    pace, gate = rhythm(backends.settings), derive_gate(backends.settings)
    spent = Outcome("", 0, 0, 0) if ended is None else _spent(backends, ended)

    def finish(conn: Connection) -> list[WakeUp]:
        work.fence(conn, claimed)
        dreamt = dreams.end(conn, claimed.unit, claimed.first_seq, now=now)
        if ended is not None and dreamt is not None:
            dream_schedule.succeed(conn, ended.collection, pace, dreamt=dreamt, now=now)
        return work.finish(conn, claimed, spent, gate=gate, now=now) + announce_drained(backends, conn, claimed.unit)

    send(backends, backends.db.run(finish))
    logger.info("dream_ended", unit=str(claimed.unit), is_dreamt=ended is not None)


def _spent(backends: Backends, ended: Dream) -> Outcome:
    model = backends.models.dream("card" if ended.kind == "card_refresh" else "deduction")
    return Outcome(model.name, ended.input_tokens, ended.output_tokens, 0)
