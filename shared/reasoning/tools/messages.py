"""Tools that read messages."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

from shared.domain.message import Message
from shared.memory import search
from shared.reasoning.toolkit import ToolResult, tool
from shared.reasoning.tools.context import Memory, clamped
from shared.reasoning.tools.lines import message_line
from shared.store import snippets
from shared.store.snippets import Stretch

_REACH = 2
_NOTHING = "No messages match this query."


class SearchMessages(BaseModel):
    query: str = Field(description="Words that were said, or what was talked about.", min_length=1)
    limit: Annotated[int, BeforeValidator(clamped(10, 20))] = Field(10, ge=1, le=20, description="How many at most.")


@tool(SearchMessages)
def search_messages(context: Memory, args: SearchMessages) -> ToolResult:
    """Search what was said, by words and by meaning. Matches are marked with > among their neighbours."""
    workspace, sessions = context.workspace, context.message_sessions()
    found = (
        search.search(context.backends, workspace=workspace, query=args.query, limit=args.limit, sessions=sessions)
        if sessions != []
        else []
    )
    if not found:
        return ToolResult(_NOTHING)
    return snippets_of(context, found)


def snippets_of(context: Memory, matches: Sequence[Message]) -> ToolResult:
    """The matches, each with what was said just before and after it, best match's snippet first."""
    with context.backends.db.reading() as conn:
        around = snippets.read(conn, context.workspace, stretches(matches))
    # A session may have gone away since its messages were found.
    shown = [read for read in around if read]
    limit = context.backends.settings.llm.max_message_content_chars
    matched = {message.id for message in matches}
    texts = [_snippet(read, matched, limit) for read in shown]
    return ToolResult("\n\n".join(texts) or _NOTHING, messages=tuple(message for read in shown for message in read))


def stretches(matches: Sequence[Message]) -> list[Stretch]:
    """Where the matches and their neighbours are; what overlaps or touches in one session is one stretch.

    In the order of the best match in each.
    """
    rank = {(message.session, message.seq): place for place, message in reversed(list(enumerate(matches)))}
    ranked: list[tuple[int, Stretch]] = []
    for session, seqs in groupby(sorted(rank), key=lambda place: place[0]):
        merged: list[tuple[int, Stretch]] = []
        for _, seq in seqs:
            best, first, last = rank[session, seq], max(1, seq - _REACH), seq + _REACH
            if merged and first <= merged[-1][1].last + 1:
                before, stretch = merged.pop()
                best, first = min(before, best), stretch.first
            merged.append((best, Stretch(session, first, last)))
        ranked += merged
    return [stretch for _, stretch in sorted(ranked, key=lambda entry: entry[0])]


def _snippet(read: Sequence[Message], matched: set[str], max_chars: int) -> str:
    count = sum(message.id in matched for message in read)
    header = f"--- session {read[0].session}, {count} match{'' if count == 1 else 'es'} ---"
    lines = (message_line(m, max_chars=max_chars, is_match=m.id in matched) for m in read)
    return "\n".join([header, *lines])
