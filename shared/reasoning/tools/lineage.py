"""Tools that show what a conclusion rests on: other conclusions, and the messages it was read from."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from shared.domain.conclusion import Conclusion
from shared.reasoning.toolkit import Rephrase, ToolResult, tool
from shared.reasoning.tools.arguments import Ids
from shared.reasoning.tools.conclusions import lines_of
from shared.reasoning.tools.context import Memory
from shared.reasoning.tools.messages import snippets_of
from shared.store import messages

_UNKNOWN = "There is no such conclusion. Take ids as they stand in (id: …)."
_MOST_SOURCES = 20
# Deductions from deductions: what the chain of a real memory comes to.
_DEPTH = 3
# The messages before and after the one a conclusion was read from.
_REACH = 1
_SHORTEST_ID = 4


class ConclusionContext(BaseModel):
    conclusion_ids: Ids


@tool(ConclusionContext)
def get_conclusion_context(context: Memory, args: ConclusionContext) -> ToolResult:
    """Show the messages that conclusions were read from, with what was said just before and after."""
    ids = list(
        dict.fromkeys(m for one in _stated(context, _named(context, args.conclusion_ids)) for m in one.message_ids)
    )
    with context.backends.db.reading() as conn:
        found = messages.by_ids(conn, context.workspace, ids)
    readable = context.message_sessions()
    read = [found[m] for m in ids if m in found and (readable is None or found[m].session in readable)]
    if not read:
        return ToolResult("No message that can be read here is known as their source.")
    return snippets_of(context, read, reach=_REACH)


class ReasoningChain(BaseModel):
    conclusion_id: str = Field(max_length=64, description="from (id: …)")
    direction: Literal["premises", "conclusions", "both"] = "both"


@tool(ReasoningChain)
def get_reasoning_chain(context: Memory, args: ReasoningChain) -> ToolResult:
    """Show what an inferred conclusion rests on (premises), and what was concluded from it (conclusions)."""
    [node] = _named(context, [args.conclusion_id])
    told, read = lines_of(context, [node]), [node]
    if args.direction != "conclusions":
        sources = context.readable(node.source_ids[:_MOST_SOURCES])
        told += ["It rests on:", *lines_of(context, sources)] if sources else _said_to_rest_on(node)
        read += sources
    if args.direction != "premises":
        resting = context.resting_on([node.id])
        told += ["On it rest:", *lines_of(context, resting)] if resting else ["Nothing rests on it."]
        read += resting
    return ToolResult("\n".join(told), conclusions=tuple(read))


def _said_to_rest_on(node: Conclusion) -> list[str]:
    """The premises as they were worded, where their conclusions are gone or were never named."""
    if node.premises:
        return ["It rests on:", *(f"- {' '.join(premise.split())}" for premise in node.premises[:_MOST_SOURCES])]
    return ["It rests on messages." if node.message_ids else "What it rests on is not known."]


def _named(context: Memory, given: Sequence[str]) -> list[Conclusion]:
    """The readable conclusions that are meant, as they are now. Raises `Rephrase` when there is none.

    The same for what is elsewhere and what is nowhere: nobody learns what other collections hold.
    """
    named = [_bare(text) for text in given]
    begun = [
        known for name in named if len(name) >= _SHORTEST_ID for known in list(context.seen) if known.startswith(name)
    ]
    found = context.readable([*begun, *named])
    if not found:
        raise Rephrase(_UNKNOWN)
    return found


def _bare(text: str) -> str:
    """An id as models copy it, `(id: V1StG)`, without what stands around it."""
    return text.strip(" ()[]#").removeprefix("id:").partition(";")[0].strip()


def _stated(context: Memory, read: Sequence[Conclusion]) -> list[Conclusion]:
    """The conclusions among `read` and beneath them that were read from messages."""
    stated: dict[str, Conclusion] = {}
    layer = list(read)
    for _ in range(_DEPTH):
        stated |= {one.id: one for one in layer if one.message_ids}
        beneath = [source for one in layer if not one.message_ids for source in one.source_ids]
        layer = context.readable([source for source in beneath if source not in stated][:_MOST_SOURCES])
    return [*stated.values(), *(one for one in layer if one.message_ids and one.id not in stated)]
