"""Tools that read messages."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from shared.domain.errors import Invalid
from shared.domain.message import Message
from shared.domain.period import Period, period
from shared.memory import search
from shared.reasoning.toolkit import Rephrase, ToolResult, tool
from shared.reasoning.tools.arguments import Day, Query, clamped
from shared.reasoning.tools.context import Memory
from shared.reasoning.tools.lines import fitting, message_lines
from shared.reasoning.tools.places import chosen_session
from shared.store import messages, snippets
from shared.store.message_search import said_in
from shared.store.snippets import Stretch

_REACH = 2
_NOTHING = "No messages match this query."


class SearchMessages(BaseModel):
    query: Query
    after_date: Day = ""
    before_date: Day = ""
    limit: Annotated[int, clamped(10, 20)] = Field(10, ge=1, le=20)


@tool(SearchMessages)
def search_messages(context: Memory, args: SearchMessages) -> ToolResult:
    """Search what was said, by words and by meaning, if wanted of some time only. Matches are marked with >."""
    found = search.search(
        context.backends,
        workspace=context.workspace,
        query=args.query,
        limit=args.limit,
        where=said_in(_period(args.after_date, args.before_date)),
        sessions=context.message_sessions(),
    )
    return snippets_of(context, found)


class GrepMessages(BaseModel):
    text: Query
    limit: Annotated[int, clamped(10, 30)] = Field(10, ge=1, le=30)
    context_window: Annotated[int, Field(ge=0, le=2)] = 2


@tool(GrepMessages)
def grep_messages(context: Memory, args: GrepMessages) -> ToolResult:
    """Find messages that hold this exact text, newest first: names, numbers, codes, and all places to count."""
    found = search.containing(
        context.backends,
        workspace=context.workspace,
        text=args.text,
        limit=args.limit,
        sessions=context.message_sessions(),
    )
    return snippets_of(context, found, reach=args.context_window, around=args.text.strip())


class MessagesByDate(BaseModel):
    after_date: Day = ""
    before_date: Day = ""
    limit: Annotated[int, clamped(20, 20)] = Field(20, ge=1, le=20)
    order: Literal["desc", "asc"] = "desc"


@tool(MessagesByDate)
def get_messages_by_date_range(context: Memory, args: MessagesByDate) -> ToolResult:
    """List the messages of a time, whatever they say. Both dates are included."""
    found = search.during(
        context.backends,
        workspace=context.workspace,
        period=_period(args.after_date, args.before_date),
        limit=args.limit,
        sessions=context.message_sessions(),
        is_newest_first=args.order == "desc",
    )
    return listed(context, found)


class RecentHistory(BaseModel):
    session: str = Field("", max_length=512, description="default: the current one")


@tool(RecentHistory)
def get_recent_history(context: Memory, args: RecentHistory) -> ToolResult:
    """Show the end of a session, longer than it may stand above."""
    session = chosen_session(context, args.session)
    tokens = context.backends.settings.dialectic.history_token_limit
    with context.backends.db.reading() as conn:
        read = messages.newest_within(conn, context.workspace, session, tokens=tokens)
    # The end counts, so that a budget leaves out the beginning.
    return listed(context, read[::-1], is_turned=True)


def listed(context: Memory, read: Sequence[Message], *, is_turned: bool = False) -> ToolResult:
    """The messages as lines by session, as many of the first as fit; `is_turned` shows the last of them first."""
    llm = context.backends.settings.llm
    kept = fitting(
        read, lambda one: min(len(one.content), llm.max_message_content_chars) + 40, llm.max_tool_output_chars
    )
    if not kept:
        return ToolResult("There are no messages.")
    shown = kept[::-1] if is_turned else kept
    told: list[str] = []
    for session, said in groupby(shown, key=lambda message: message.session):
        told.append(f"--- session {session} ---")
        told += message_lines(list(said), max_chars=llm.max_message_content_chars)
    return ToolResult("\n".join(told), messages=tuple(shown))


def snippets_of(context: Memory, matches: Sequence[Message], *, reach: int = _REACH, around: str = "") -> ToolResult:
    """The matches, each with what was said just before and after it, best match's snippet first; whole ones only."""
    if not matches:
        return ToolResult(_NOTHING)
    with context.backends.db.reading() as conn:
        read = snippets.read(conn, context.workspace, stretches(matches, reach))
    llm = context.backends.settings.llm
    matched = {message.id for message in matches}
    # A session may have gone away since its messages were found.
    texts = [(_snippet(said, matched, llm.max_message_content_chars, around), said) for said in read if said]
    kept = fitting(texts, lambda one: len(one[0]) + 2, llm.max_tool_output_chars) or texts[:1]
    told = "\n\n".join(text for text, _ in kept)
    return ToolResult(told or _NOTHING, messages=tuple(message for _, said in kept for message in said))


def stretches(matches: Sequence[Message], reach: int = _REACH) -> list[Stretch]:
    """Where the matches and their neighbours are; what overlaps or touches in one session is one stretch.

    In the order of the best match in each.
    """
    rank = {(message.session, message.seq): place for place, message in reversed(list(enumerate(matches)))}
    ranked: list[tuple[int, Stretch]] = []
    for session, seqs in groupby(sorted(rank), key=lambda place: place[0]):
        merged: list[tuple[int, Stretch]] = []
        for _, seq in seqs:
            best, first, last = rank[session, seq], max(1, seq - reach), seq + reach
            if merged and first <= merged[-1][1].last + 1:
                before, stretch = merged.pop()
                best, first = min(before, best), stretch.first
            merged.append((best, Stretch(session, first, last)))
        ranked += merged
    return [stretch for _, stretch in sorted(ranked, key=lambda entry: entry[0])]


def _period(after: str, before: str) -> Period:
    try:
        return period(after, before)
    except Invalid as problem:
        raise Rephrase(str(problem)) from problem


def _snippet(read: Sequence[Message], matched: set[str], max_chars: int, around: str) -> str:
    count = sum(message.id in matched for message in read)
    header = f"--- session {read[0].session}, {count} match{'' if count == 1 else 'es'} ---"
    return "\n".join([header, *message_lines(read, max_chars=max_chars, matched=matched, around=around)])
