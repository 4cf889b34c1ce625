"""Summarizing: a session's short and long summary, each grown from where it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.backends import Backends
from shared.domain.configuration import Configuration
from shared.domain.errors import AnswerDeclined, AnswerUnreadable, OutOfTime
from shared.domain.message import Message
from shared.domain.summary import Summary, SummaryKind, due_kinds
from shared.domain.work import Claim, WakeUp, WorkUnit
from shared.llm import tokens
from shared.llm.types import Completion, Usage, UserTurn
from shared.memory.planning import derive_gate, in_force
from shared.memory.relay import send
from shared.memory.webhooks import announce_drained
from shared.memory.work import perform
from shared.reasoning.instructions import told
from shared.reasoning.prompts import defused, render
from shared.reasoning.transcript import transcript
from shared.store import messages, summaries, work
from shared.store.work import Outcome
from shared.telemetry import events
from shared.telemetry.events import publish
from shared.telemetry.logs import logger

# What one call reads; a session that lags behind further is caught up in several.
_MOST_INPUT_TOKENS = 24_000
_MOST_MESSAGES = 500
_WORDS_PER_TOKEN = 0.75
_NOTHING_YET = "(none yet)"
_EVERYTHING = 2**62
# A call is not begun with less than this, and leaves this much of the lease for writing down what it said.
_LEAST_CALL_S = 20.0
_WRITING_S = 5.0


def summarize(backends: Backends, wake_up: WakeUp) -> None:
    """Bring the summaries whose cadence was reached up to the newest message that reached it.

    A summary starts after the last message it covers, so a cadence that failed is made good by the next one.
    """
    perform(backends, wake_up.unit, _grow, window_tokens=_EVERYTHING)


def _grow(backends: Backends, claimed: Claim) -> None:
    usage = Usage()
    unit = claimed.unit
    with backends.db.reading() as conn:
        configuration = in_force(backends.settings, conn, unit.workspace, unit.session)
    instructions = told(backends.settings, configuration.summary_instructions)
    for kind, seq in _due(configuration, claimed).items():
        usage += _cover(backends, claimed, kind, seq, instructions)
    outcome = Outcome(backends.models.summary().name, usage.input_tokens, usage.output_tokens, 0)
    with backends.db.transaction() as conn:
        work.fence(conn, claimed)
        wake_ups = work.finish(conn, claimed, outcome, gate=derive_gate(backends.settings), now=backends.clock.now())
        wake_ups += announce_drained(backends, conn, claimed.unit)
    send(backends, wake_ups)


def _due(configuration: Configuration, claimed: Claim) -> dict[SummaryKind, int]:
    """Up to where each summary must reach; the newest of several cadences in one window stands for all."""
    if not configuration.summary:
        return {}
    every_short = configuration.messages_per_short_summary
    every_long = configuration.messages_per_long_summary
    return {
        kind: item.seq
        for item in claimed.items
        for kind in due_kinds(item.seq, every_short=every_short, every_long=every_long)
    }


@dataclass(frozen=True, slots=True)
class _Step:
    """One call: an earlier summary and the messages that come after it."""

    kind: SummaryKind
    earlier: Summary | None
    fresh: Sequence[Message]


def _cover(backends: Backends, claimed: Claim, kind: SummaryKind, seq: int, instructions: str) -> Usage:
    unit, usage = claimed.unit, Usage()
    while step := _next_step(backends, unit, kind, seq):
        summary, spent = _written(backends, step, instructions, timeout_s=_time_left(backends, claimed))
        with backends.tab.riding() as made, backends.db.transaction() as conn:
            work.fence(conn, claimed)
            summaries.put(conn, unit.workspace, unit.session, summary, made)
        usage += spent
        publish(
            events.SUMMARY_CREATED,
            f"{summary.message_id}:{kind}",
            run_id=events.run_id(),
            workspace_name=unit.workspace,
            session_name=events.alias(unit.workspace, unit.session),
            message_id=summary.message_id,
            message_count=len(step.fresh),
            message_seq_in_session=summary.covered_seq,
            summary_type=kind,
            input_tokens=spent.input_tokens,
            output_tokens=spent.output_tokens,
            previous_summary_tokens=step.earlier.token_count if step.earlier else 0,
            message_tokens=sum(message.token_count for message in step.fresh),
        )
        logger.info("summary_written", unit=unit.alias, kind=kind, covered_seq=summary.covered_seq)
    return usage


def _time_left(backends: Backends, claimed: Claim) -> float:
    """How long the next call may take. Raises `OutOfTime`: what is written stays, and the next run goes on there."""
    left_s = (claimed.until - backends.clock.now()).total_seconds() - _WRITING_S
    if left_s < _LEAST_CALL_S:
        raise OutOfTime
    return min(left_s, backends.settings.summary.timeout_seconds)


def _next_step(backends: Backends, unit: WorkUnit, kind: SummaryKind, seq: int) -> _Step | None:
    with backends.db.reading() as conn:
        stored: Mapping[SummaryKind, Summary] = summaries.both(conn, unit.workspace, unit.session)
        earlier = stored.get(kind)
        first = earlier.covered_seq + 1 if earlier else 1
        if first > seq:
            return None
        # Counted, and not by their places: of these an erasure may have emptied hundreds in a row.
        fresh = messages.in_range(conn, unit.workspace, unit.session, first, seq, most=_MOST_MESSAGES)
    return _Step(kind, earlier, _leading(fresh)) if fresh else None


def _leading(fresh: Sequence[Message]) -> Sequence[Message]:
    """As many of the first messages as one call may read; at least one."""
    left = _MOST_INPUT_TOKENS
    for place, message in enumerate(fresh):
        left -= message.token_count
        if left < 0 and place:
            return fresh[:place]
    return fresh


def _written(backends: Backends, step: _Step, instructions: str, *, timeout_s: float) -> tuple[Summary, Usage]:
    settings = backends.settings.summary
    most_tokens = settings.max_tokens_short if step.kind == "short" else settings.max_tokens_long
    reply = backends.models.summary().complete(
        Completion(
            turns=(UserTurn(_prompt(step, most_tokens, instructions)),),
            purpose=f"summary_{step.kind}",
            max_output_tokens=most_tokens,
            thinking_budget_tokens=settings.thinking_budget_tokens,
            timeout_s=timeout_s,
        )
    )
    if reply.finish == "refusal":
        raise AnswerDeclined(f"{reply.model} declined to answer")
    # Postgres stores no NUL, and models have been seen to write one.
    content = tokens.cut(reply.text.replace("\x00", "").strip(), most_tokens)
    if not content:
        raise AnswerUnreadable("the summary is empty")
    newest = step.fresh[-1]
    summary = Summary(step.kind, content, newest.id, newest.seq, tokens.count(content), backends.clock.now())
    return summary, reply.usage


def _prompt(step: _Step, most_tokens: int, instructions: str) -> str:
    earlier_tokens = step.earlier.token_count if step.earlier else 0
    available = sum(message.token_count for message in step.fresh) + earlier_tokens
    # A short summary of little is shorter still; the long one has room to keep everything.
    limit = min(available, most_tokens) if step.kind == "short" else most_tokens
    return render(
        f"summary_{step.kind}",
        custom_instructions=instructions,
        words=str(max(int(_WORDS_PER_TOKEN * limit), 10)),
        earlier=defused(step.earlier.content) if step.earlier else _NOTHING_YET,
        messages="\n".join(transcript(step.fresh)),
    )
