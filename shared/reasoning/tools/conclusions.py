"""Tools that search and list conclusions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, Field

from shared.domain import degraded
from shared.domain.conclusion import Conclusion
from shared.memory import search
from shared.reasoning.toolkit import ToolResult, tool
from shared.reasoning.tools.arguments import Query, clamped
from shared.reasoning.tools.context import Memory
from shared.reasoning.tools.lines import SHORT_ID, conclusion_lines, fitting_conclusions, message_lines

_FALLBACK_MESSAGES = 20
_NONE = "There are no conclusions."
_BY_WORDS = "Meaning cannot be looked up right now: found by words alone, so that more may be known. Try other words."


class SearchMemory(BaseModel):
    query: Query
    top_k: Annotated[int, clamped(20, 40)] = Field(20, ge=1, le=40)


@tool(SearchMemory)
def search_memory(context: Memory, args: SearchMemory) -> ToolResult:
    """Search conclusions by meaning. Falls back to messages when there are none."""
    with degraded.noting() as missing:
        found = context.recalled(args.query, args.top_k)
        result = listed(context, found) if found else _messages_instead(context, args.query)
    # Or it would take what was not found for what is not known.
    return replace(result, text=f"{_BY_WORDS}\n{result.text}") if missing else result


class RecentConclusions(BaseModel):
    limit: Annotated[int, clamped(10, 100)] = Field(10, ge=1, le=100)
    session_only: bool = Field(False, description="of the current session")


@tool(RecentConclusions)
def get_recent_conclusions(context: Memory, args: RecentConclusions) -> ToolResult:
    """List the newest conclusions."""
    session = context.session if args.session_only else None
    return listed(context, context.newest(args.limit, session=session))


class MostDerivedConclusions(BaseModel):
    limit: Annotated[int, clamped(10, 40)] = Field(10, ge=1, le=40)


@tool(MostDerivedConclusions)
def get_most_derived_conclusions(context: Memory, args: MostDerivedConclusions) -> ToolResult:
    """List the conclusions that were confirmed most often: what matters to the peer or comes up again and again."""
    return listed(context, context.most_derived(args.limit))


def listed(context: Memory, found: Sequence[Conclusion]) -> ToolResult:
    """The conclusions as lines, as many as fit; what stands beside the question is not shown again."""
    if not found:
        return ToolResult(_NONE)
    new = [conclusion for conclusion in found if conclusion.id not in context.shown]
    # What stands beside the question is never dropped, so that naming it again would only cost tokens.
    repeated = f"{len(found) - len(new)} of them stand beside the question and are not repeated."
    told = [f"{len(found)} conclusions:", *lines_of(context, new)]
    if len(new) < len(found):
        told.append(repeated)
    return ToolResult("\n".join(told), conclusions=tuple(found))


def lines_of(context: Memory, read: Sequence[Conclusion]) -> list[str]:
    """At most one text: the lines of as many as fit a tool's result. The model may name them from now on."""
    llm = context.backends.settings.llm
    fit = fitting_conclusions(read, max_chars=llm.max_message_content_chars, budget=llm.max_tool_output_chars)
    context.seen.update({one.id: one for one in fit})
    text = conclusion_lines(
        fit,
        max_chars=llm.max_message_content_chars,
        is_of_all=context.is_of_all,
        id_chars=SHORT_ID if context.shows_ids else 0,
    )
    return [text] if text else []


def _messages_instead(context: Memory, query: str) -> ToolResult:
    sessions = context.message_sessions()
    found = search.search(
        context.backends,
        workspace=context.workspace,
        query=query,
        limit=_FALLBACK_MESSAGES,
        sessions=sessions,
    )
    if not found:
        return ToolResult("No conclusions and no messages match this query.")
    lines = message_lines(found, max_chars=context.backends.settings.llm.max_message_content_chars)
    told = [f"No conclusions match this query. {len(found)} messages do:", *lines]
    return ToolResult("\n".join(told), messages=tuple(found))
