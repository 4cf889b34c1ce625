"""Tools that read conclusions."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

from shared.memory import search
from shared.reasoning.toolkit import ToolResult, tool
from shared.reasoning.tools.context import Memory, clamped
from shared.reasoning.tools.lines import conclusion_lines, message_lines

_FALLBACK_MESSAGES = 20


class SearchMemory(BaseModel):
    query: str = Field(description="What to look for, in plain words.", min_length=1)
    top_k: Annotated[int, BeforeValidator(clamped(20, 40))] = Field(20, ge=1, le=40, description="How many at most.")


@tool(SearchMemory)
def search_memory(context: Memory, args: SearchMemory) -> ToolResult:
    """Search conclusions by meaning. Falls back to messages when there are none."""
    found = context.recalled(args.query, args.top_k)
    if not found:
        return _messages_instead(context, args.query)
    new = [conclusion for conclusion in found if conclusion.id not in context.shown]
    # What stands beside the question is never dropped, so that naming it again would only cost tokens.
    repeated = f"{len(found) - len(new)} of them stand in <conclusions> above and are not repeated."
    limit = context.backends.settings.llm.max_message_content_chars
    parts = [
        f"{len(found)} conclusions:",
        conclusion_lines(new, max_chars=limit, is_of_all=context.is_of_all),
        repeated if len(new) < len(found) else "",
    ]
    return ToolResult("\n".join(part for part in parts if part), conclusions=tuple(found))


def _messages_instead(context: Memory, query: str) -> ToolResult:
    sessions = context.message_sessions()
    found = (
        search.search(
            context.backends,
            workspace=context.workspace,
            query=query,
            limit=_FALLBACK_MESSAGES,
            sessions=sessions,
        )
        if sessions != []
        else []
    )
    if not found:
        return ToolResult("No conclusions and no messages match this query.")
    lines = message_lines(found, max_chars=context.backends.settings.llm.max_message_content_chars)
    return ToolResult(f"No conclusions match this query. {len(found)} messages do:\n{lines}", messages=tuple(found))
