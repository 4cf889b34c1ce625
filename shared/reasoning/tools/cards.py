"""Tools that read what was written in sum: cards of peers, summaries of sessions."""

from typing import Literal

from pydantic import BaseModel, Field

from shared.reasoning.toolkit import ToolResult, tool
from shared.reasoning.tools.context import Memory
from shared.reasoning.tools.places import chosen_session
from shared.store import summaries


class PeerCard(BaseModel):
    peer: str = Field("", max_length=512)


@tool(PeerCard)
def get_peer_card(context: Memory, args: PeerCard) -> ToolResult:
    """Read the card of a peer: its lasting facts in a few lines."""
    lines = context.card(args.peer.strip())
    return ToolResult("\n".join(lines), is_quoted=True) if lines else ToolResult("There is no card.")


class SessionSummary(BaseModel):
    session: str = Field("", max_length=512, description="default: the current one")
    kind: Literal["long", "short"] = "long"


@tool(SessionSummary)
def get_session_summary(context: Memory, args: SessionSummary) -> ToolResult:
    """Read the summary of a session."""
    session = chosen_session(context, args.session)
    with context.backends.db.reading() as conn:
        written = summaries.both(conn, context.workspace, session)
    # Short ones come earlier and more often: any summary is better than none.
    summary = written.get(args.kind) or next(iter(written.values()), None)
    if summary is None:
        return ToolResult(f"There is no summary of session {session} yet.")
    head = f"The first {summary.covered_seq} messages of session {session}:"
    return ToolResult(f"{head}\n{summary.content}", is_quoted=True)
