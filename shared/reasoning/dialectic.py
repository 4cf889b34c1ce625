"""The dialectic: a question about a peer or a workspace, answered from what the memory holds."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from shared.backends import Backends
from shared.domain.answer_schema import Mismatch, compiled, conform
from shared.domain.clock import minute
from shared.domain.conclusion import Collection, Conclusion
from shared.domain.errors import AnswerUnreadable
from shared.domain.evidence import Evidence, EvidenceToolCall, evidence
from shared.domain.json import JsonObject
from shared.domain.message import Message
from shared.llm import repair
from shared.llm.types import Answer, Usage
from shared.memory.metering import metered
from shared.reasoning import workspace
from shared.reasoning.briefing import Briefing, brief
from shared.reasoning.instructions import told
from shared.reasoning.loop import Agent, Limits, Outcome, run_agent, stream_agent
from shared.reasoning.prompts import defused, fenced, render
from shared.reasoning.toolkit import Rephrase, ToolSet, clipped
from shared.reasoning.tools import BY_LEVEL, TAKING_IDS, offered
from shared.reasoning.tools.context import Memory, ToolContext
from shared.reasoning.tools.lines import SHORT_ID, conclusion_lines, message_lines
from shared.reasoning.workspace import WorkspaceQuestion
from shared.settings.models import ReasoningLevel
from shared.store import messages
from shared.telemetry import events, metrics
from shared.telemetry.events import publish
from shared.telemetry.logs import logger
from shared.telemetry.metrics import measure

# A JSON object needs room for its braces and keys even where an answer in words is to be short.
_STRUCTURED_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Question:
    """What `observer` wants to know about `observed`.

    `session` brings its recent history in and pins message searches to it; `sessions` limits everything that
    is read, None does not. `answer_schema` is a JSON Schema that the answer then follows as a JSON text. With
    `wants_evidence` the messages behind the conclusions are looked up too.
    """

    workspace: str
    observer: str
    observed: str
    query: str
    level: ReasoningLevel
    session: str | None = None
    sessions: tuple[str, ...] | None = None
    answer_schema: JsonObject | None = None
    wants_evidence: bool = False

    @property
    def collection(self) -> Collection:
        return Collection(self.workspace, self.observer, self.observed)


AnyQuestion: TypeAlias = Question | WorkspaceQuestion


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer; `content` is None when the model had nothing to say. A streamed one holds all that went out."""

    content: str | None
    evidence: Evidence
    usage: Usage


def answer(backends: Backends, question: AnyQuestion) -> Answered:
    """The answer to `question`.

    Raises `Invalid` for a schema that is not supported, `ModelUnavailable` or `ModelRefused` when there is no
    model to ask, `BudgetExhausted` when it may not be asked, `AnswerUnreadable` when it could not follow the schema.
    """
    with metered(backends, question.workspace) as own:
        briefing = _briefed(own, question)
        return _answered(own, question, briefing, run_agent(_agent(own, question, briefing)))


def stream(backends: Backends, question: AnyQuestion) -> Iterator[str | Answered]:
    """The answer piece by piece while it is written, at last the whole. Raises as `answer` does, also midway."""
    whole: list[Answered] = []
    with metered(backends, question.workspace) as own:
        briefing = _briefed(own, question)
        for piece in stream_agent(_agent(own, question, briefing)):
            if isinstance(piece, Outcome):
                whole.append(_answered(own, question, briefing, piece))
            elif piece:
                yield piece
    # Last, with all that it cost written down: nobody may ask for more after it.
    yield from whole


def _briefed(backends: Backends, question: AnyQuestion) -> Briefing:
    prefetch = 10 if question.level == "minimal" else 25
    if isinstance(question, WorkspaceQuestion):
        return workspace.briefed(backends, question, prefetch=prefetch)
    return brief(
        backends,
        question.collection,
        question.query,
        prefetch=prefetch,
        session=question.session,
        sessions=question.sessions,
    )


def _agent(backends: Backends, question: AnyQuestion, briefing: Briefing) -> Agent:
    settings = backends.settings
    level = settings.dialectic.levels[question.level]
    max_output_tokens = level.max_output_tokens or settings.dialectic.max_output_tokens
    schema = None if question.answer_schema is None else compiled(question.answer_schema)
    return Agent(
        model=backends.models.dialectic(question.level),
        system=_instructions(backends, question, briefing, has_tools=level.max_tool_iterations > 0),
        question=_asked(backends, question, briefing.conclusions),
        tools=_tools(backends, question, briefing),
        limits=Limits(
            iterations=level.max_tool_iterations,
            max_input_tokens=settings.dialectic.max_input_tokens,
            max_output_tokens=max(max_output_tokens, _STRUCTURED_TOKENS if schema else 0),
            timeout_s=settings.dialectic.timeout_seconds,
            thinking_budget_tokens=level.thinking_budget_tokens,
        ),
        purpose="dialectic",
        choice="any" if level.tool_choice == "required" else level.tool_choice or "auto",
        answer=None if schema is None else Answer("answer", schema),
        accept=None if schema is None else partial(_structured, schema),
    )


def _tools(backends: Backends, question: AnyQuestion, briefing: Briefing) -> ToolSet:
    context = _context(backends, question, briefing)
    return ToolSet(
        offered(question.level, context), context, max_output_chars=backends.settings.llm.max_tool_output_chars
    )


def _shows_ids(backends: Backends, question: AnyQuestion) -> bool:
    """Whether the model could do something with an id: at 4 tokens a line they are not for show."""
    has_tools = backends.settings.dialectic.levels[question.level].max_tool_iterations > 0
    return has_tools and any(one in TAKING_IDS for one in BY_LEVEL[question.level])


def _context(backends: Backends, question: AnyQuestion, briefing: Briefing) -> Memory:
    shows_ids = _shows_ids(backends, question)
    if isinstance(question, WorkspaceQuestion):
        return workspace.context(backends, question, briefing, shows_ids=shows_ids)
    return ToolContext(
        backends,
        question.collection,
        session=question.session,
        sessions=question.sessions,
        shown=frozenset(conclusion.id for conclusion in briefing.conclusions),
        vectors={} if briefing.vector is None else {question.query: briefing.vector},
        seen={conclusion.id: conclusion for conclusion in briefing.conclusions},
        shows_ids=shows_ids,
        uses_cards=briefing.uses_cards,
    )


def _instructions(backends: Backends, question: AnyQuestion, briefing: Briefing, *, has_tools: bool) -> str:
    searching = render("searching_minimal" if question.level == "minimal" else "searching") if has_tools else ""
    if isinstance(question, WorkspaceQuestion):
        return workspace.system(
            backends,
            question,
            searching=searching,
            instructions=told(backends.settings, briefing.instructions),
            history=_history(backends, briefing),
        )
    return _system(backends, question, briefing, searching)


def _system(backends: Backends, question: Question, briefing: Briefing, searching: str) -> str:
    """What stays the same from question to question first, so that the providers' prompt caches hit."""
    observer, observed = question.observer, question.observed
    perspective = (
        render("perspective_own", observed=observed)
        if observer == observed
        else render("perspective_other", observer=observer, observed=observed)
    )
    return render(
        "dialectic_minimal" if question.level == "minimal" else "dialectic",
        searching=searching,
        custom_instructions=told(backends.settings, briefing.instructions),
        perspective=perspective,
        cards=_cards(backends, question, briefing),
        history=_history(backends, briefing),
        now=minute(backends.clock.now()),
    )


def _cards(backends: Backends, question: Question, briefing: Briefing) -> str:
    most = backends.settings.llm.max_tool_output_chars
    blocks = [
        fenced("peer_card", clipped("\n".join(lines), most), of=of, role=role)
        for of, role, lines in (
            (question.observer, "asker", briefing.observer_card if question.observer != question.observed else None),
            (question.observed, "subject", briefing.observed_card),
        )
        if lines
    ]
    return "\n".join(blocks)


def _history(backends: Backends, briefing: Briefing) -> str:
    lines = message_lines(briefing.history, max_chars=backends.settings.llm.max_message_content_chars)
    return fenced("session_history", "\n".join(lines)) if lines else ""


def _asked(backends: Backends, question: AnyQuestion, known: tuple[Conclusion, ...]) -> str:
    lines = conclusion_lines(
        known,
        max_chars=backends.settings.llm.max_message_content_chars,
        is_of_all=isinstance(question, WorkspaceQuestion),
        id_chars=SHORT_ID if _shows_ids(backends, question) else 0,
    )
    return render("question", query=defused(question.query), conclusions=fenced("conclusions", lines) if lines else "")


def _structured(schema: JsonObject, text: str) -> str:
    """The JSON text of the object in `text`, as the schema has it."""
    try:
        return json.dumps(conform(repair.parse_object(text), schema), ensure_ascii=False)
    except Mismatch as mismatch:
        raise Rephrase(str(mismatch)) from mismatch
    except AnswerUnreadable as error:
        raise Rephrase("there is no JSON object in it.") from error


def _answered(backends: Backends, question: AnyQuestion, briefing: Briefing, outcome: Outcome) -> Answered:
    done = [used for used in outcome.used if used.is_ok]
    known = [*briefing.conclusions, *(conclusion for used in done for conclusion in used.result.conclusions)]
    said = [*briefing.history, *(message for used in done for message in used.result.messages)]
    if question.wants_evidence:
        said = [*_sources(backends, question, known), *said]
    read = evidence(known, said, [EvidenceToolCall(used.call.name, used.call.arguments or {}) for used in done])
    logger.info(
        "question_answered",
        workspace=question.workspace,
        level=question.level,
        turns=outcome.turns,
        tools=len(outcome.used),
        prefetched=len(briefing.conclusions),
        input_tokens=outcome.usage.input_tokens,
        cached_tokens=outcome.usage.cached_tokens,
        output_tokens=outcome.usage.output_tokens,
    )
    _tell(question, briefing, outcome)
    return Answered(outcome.text.strip() or None, read, outcome.usage)


def _tell(question: AnyQuestion, briefing: Briefing, outcome: Outcome) -> None:
    usage = outcome.usage
    measure(metrics.DIALECTIC_CALLS, 1, question.level)
    measure(metrics.DIALECTIC_TOKENS, usage.input_tokens, "input", "total", question.level)
    measure(metrics.DIALECTIC_TOKENS, usage.output_tokens, "output", "total", question.level)
    peer = question.observed if isinstance(question, Question) else None
    publish(
        events.DIALECTIC_COMPLETED,
        events.run_id(),
        run_id=events.run_id(),
        workspace_name=question.workspace,
        peer_name=events.alias(question.workspace, peer),
        session_name=events.alias(question.workspace, question.session),
        reasoning_level=question.level,
        total_iterations=outcome.turns,
        prefetched_conclusion_count=len(briefing.conclusions),
        tool_calls_count=len(outcome.used),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
        cache_creation_tokens=usage.cache_write_tokens,
    )


def _sources(backends: Backends, question: AnyQuestion, known: Sequence[Conclusion]) -> list[Message]:
    """The messages that the conclusions were read from, in the order of the conclusions.

    A fact may have been repeated in a session that the question may not see.
    """
    ids = list(dict.fromkeys(message_id for conclusion in known for message_id in conclusion.message_ids))
    if not ids:
        return []
    with backends.db.reading() as conn:
        found = messages.by_ids(conn, question.workspace, ids)
    sources = [found[message_id] for message_id in ids if message_id in found]
    return [one for one in sources if question.sessions is None or one.session in question.sessions]
