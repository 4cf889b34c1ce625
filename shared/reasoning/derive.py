"""Deriving: the messages of one window to explicit conclusions about their author."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from shared.backends import Backends
from shared.domain.conclusion import Conclusion, ConclusionDraft
from shared.domain.errors import AnswerDeclined
from shared.domain.message import Message
from shared.domain.work import Claim, WakeUp
from shared.llm.types import Completion, Usage, UserTurn
from shared.memory import conclude
from shared.memory.conclude import Saving
from shared.memory.planning import derive_gate
from shared.memory.relay import send
from shared.memory.webhooks import announce_drained
from shared.memory.work import perform
from shared.reasoning import facts
from shared.reasoning.instructions import told
from shared.reasoning.prompts import render
from shared.reasoning.transcript import Shown, fitted, lines
from shared.settings import Settings
from shared.store import messages, work
from shared.store.database import Connection
from shared.store.work import Outcome
from shared.telemetry import events
from shared.telemetry.events import publish
from shared.telemetry.logs import logger
from shared.telemetry.metrics import Metric, emit

# Messages of others that are looked at for context; the token budget keeps fewer.
_MOST_CONTEXT = 200


def derive(backends: Backends, wake_up: WakeUp) -> None:
    """Conclude what the oldest waiting messages of the unit say about their author, once.

    Does nothing when the unit is leased, backing off, below its gate or done. What the model cannot do now
    is tried again at its due time; an answer that stays unreadable is parked.
    """
    window_tokens = backends.settings.deriver.window_tokens
    perform(backends, wake_up.unit, _conclude, window_tokens=window_tokens)


def _conclude(backends: Backends, claimed: Claim) -> None:
    unit = claimed.unit
    drafts, usage = _drafts(backends, claimed)
    saving = conclude.prepare(backends, unit.workspace, unit.observed, claimed.items[0].observers, drafts)
    now = backends.clock.now()
    outcome = Outcome(backends.models.deriver().name, usage.input_tokens, usage.output_tokens, len(saving.new))

    def finish(conn: Connection, outcome: Outcome) -> tuple[list[Conclusion], list[WakeUp]]:
        # A second time, should the first have happened unnoticed, ends at the fence.
        work.fence(conn, claimed)
        saved = saving.write(backends, conn)
        wake_ups = work.finish(conn, claimed, outcome, gate=derive_gate(backends.settings), now=now)
        return saved, wake_ups + announce_drained(backends, conn, unit)

    with backends.tab.riding() as calls:
        saved, wake_ups = backends.db.run(lambda conn: finish(conn, replace(outcome, calls=calls)))
    send(backends, wake_ups)
    conclude.index(backends, saved, saving.vectors, saving.replaced)
    quotes = Counter(draft.quote_state for draft in drafts)
    logger.info(
        "window_derived",
        unit=unit.alias,
        items=len(claimed.items),
        facts=len(drafts),
        saved=len(saved),
        quotes_verified=quotes["verified"],
        quotes_unverified=quotes["unverified"],
    )
    _tell(backends, claimed, drafts, saving, usage)
    if drafts:
        emit({Metric.QUOTES_VERIFIED: quotes["verified"], Metric.QUOTES_UNVERIFIED: quotes["unverified"]})


def _tell(backends: Backends, claimed: Claim, drafts: Sequence[ConclusionDraft], saving: Saving, usage: Usage) -> None:
    unit, settings = claimed.unit, backends.settings.deriver
    publish(
        events.REPRESENTATION_COMPLETED,
        f"{unit.workspace}:{unit.session}:{claimed.items[-1].message_id}",
        run_id=events.run_id(),
        workspace_name=unit.workspace,
        session_name=events.alias(unit.workspace, unit.session),
        observed=events.alias(unit.workspace, unit.observed),
        queue_items_processed=len(claimed.items),
        earliest_message_id=claimed.items[0].message_id,
        latest_message_id=claimed.items[-1].message_id,
        message_count=len(claimed.items),
        explicit_conclusion_count=len(drafts),
        input_tokens=sum(item.tokens for item in claimed.items),
        total_input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        semantic_dup_rejected_count=len(saving.reinforced),
        semantic_dup_replaced_count=len(saving.replaced),
        batch_max_tokens=settings.representation_batch_max_tokens,
        max_input_tokens=settings.max_input_tokens,
        was_flush_enabled=settings.flush_enabled,
        observer_count=len(claimed.items[0].observers),
    )


def _shown(backends: Backends, claimed: Claim) -> list[Message]:
    """The window's messages with what others said between them and just before.

    The target's own messages of other windows stay out: their facts were read already. Context gives way,
    oldest first, when the window would grow beyond its tokens.
    """
    unit, mine = claimed.unit, {item.seq for item in claimed.items}
    with backends.db.reading() as conn:
        found = messages.with_context(
            conn, unit.workspace, unit.session, unit.observed, sorted(mine), most=_MOST_CONTEXT
        )
    left = max(backends.settings.deriver.window_tokens - sum(item.tokens for item in claimed.items), 0)
    context: set[int] = set()
    for message in reversed([message for message in found if message.seq not in mine]):
        left -= message.token_count
        if left < 0:
            break
        context.add(message.seq)
    return [message for message in found if message.seq in mine or message.seq in context]


def _drafts(backends: Backends, claimed: Claim) -> tuple[list[ConclusionDraft], Usage]:
    """What the model finds; kept on the unit row before anything else can fail."""
    known = facts.restored(claimed)
    if known is not None:
        return known, Usage()
    found = _shown(backends, claimed)
    if not any(message.peer == claimed.unit.observed for message in found):
        # Erased since they were planned: there is nobody's word to conclude from.
        return [], Usage()
    shown = _fitted(backends, claimed, found)
    reply = backends.models.deriver().complete(_request(backends, claimed, shown))
    if reply.finish == "refusal":
        raise AnswerDeclined(f"{reply.model} declined to answer")
    drafts = facts.drafts_of(facts.read(reply.text), [one.message for one in shown], claimed)
    if reply.finish == "length":
        logger.warning("answer_cut_short", unit=claimed.unit.alias, facts=len(drafts))
    with backends.tab.riding() as calls, backends.db.reading() as conn:
        work.keep_answer(conn, claimed, facts.kept(claimed, drafts), calls)
    return drafts, reply.usage


def _fitted(backends: Backends, claimed: Claim, messages: Sequence[Message]) -> list[Shown]:
    """What of the messages is shown, so that the model is sent no more than it may be."""
    settings = backends.settings
    own = {item.seq for item in claimed.items}
    shown = fitted(
        messages, own, lambda lines: _prompt(settings, claimed, lines), max_tokens=settings.deriver.max_input_tokens
    )
    cut = sum(one.is_cut for one in shown)
    if cut or len(shown) < len(messages):
        logger.warning("input_shrunk", unit=claimed.unit.alias, dropped=len(messages) - len(shown), cut=cut)
    return shown


def _request(backends: Backends, claimed: Claim, shown: Sequence[Shown]) -> Completion:
    settings = backends.settings.deriver
    return Completion(
        turns=(UserTurn(_prompt(backends.settings, claimed, "\n".join(lines(shown)))),),
        purpose="derive",
        max_output_tokens=settings.max_output_tokens,
        answer=facts.ANSWER,
        temperature=settings.temperature,
        thinking_budget_tokens=settings.thinking_budget_tokens,
        timeout_s=settings.timeout_seconds,
    )


def _prompt(settings: Settings, claimed: Claim, messages: str) -> str:
    return render(
        "derive",
        custom_instructions=told(settings, claimed.items[0].custom_instructions),
        target=claimed.unit.observed,
        messages=messages,
    )
