"""The tool sets of the agents."""

from typing import Final

from shared.reasoning.toolkit import AgentTool
from shared.reasoning.tools.card_writing import rewrite_card
from shared.reasoning.tools.cards import get_peer_card, get_session_summary
from shared.reasoning.tools.concluding import (
    conclude_deductions,
    conclude_patterns,
    delete_conclusions,
    find_conclusions,
    note_contradictions,
    read_recent,
    record_updates,
)
from shared.reasoning.tools.conclusions import get_most_derived_conclusions, get_recent_conclusions, search_memory
from shared.reasoning.tools.context import Memory
from shared.reasoning.tools.lineage import get_conclusion_context, get_reasoning_chain
from shared.reasoning.tools.messages import (
    get_messages_by_date_range,
    get_recent_history,
    grep_messages,
    search_messages,
)
from shared.reasoning.tools.workbench import Workbench
from shared.settings.models import ReasoningLevel

MINIMAL: Final[tuple[AgentTool[Memory], ...]] = (search_memory, search_messages)
FINDING: Final[tuple[AgentTool[Memory], ...]] = (
    *MINIMAL,
    grep_messages,
    get_messages_by_date_range,
    get_conclusion_context,
    get_reasoning_chain,
)
# Every definition is paid for in every turn, so that those who mostly search are not offered what lists.
READING: Final[tuple[AgentTool[Memory], ...]] = (
    *FINDING,
    get_recent_conclusions,
    get_most_derived_conclusions,
    get_session_summary,
    get_recent_history,
    get_peer_card,
)
BY_LEVEL: Final[dict[ReasoningLevel, tuple[AgentTool[Memory], ...]]] = {
    "minimal": MINIMAL,
    "low": FINDING,
    "medium": READING,
    "high": READING,
    "max": READING,
}
TAKING_IDS: Final[tuple[AgentTool[Memory], ...]] = (get_conclusion_context, get_reasoning_chain)


def offered(level: ReasoningLevel, context: Memory) -> tuple[AgentTool[Memory], ...]:
    """The tools of `level` that can tell something about this question."""
    useless: list[AgentTool[Memory]] = []
    if context.sessions is not None:
        # Chains lead through derived conclusions, which rest on several sessions.
        useless.append(get_reasoning_chain)
    # In a question about one peer its card stands among the instructions.
    useless.append(get_most_derived_conclusions if context.is_of_all else get_peer_card)
    if context.sessions is not None or not context.uses_cards:
        useless.append(get_peer_card)
    return tuple(one for one in BY_LEVEL[level] if one not in useless)


DEDUCTION: Final[tuple[AgentTool[Workbench], ...]] = (
    find_conclusions,
    read_recent,
    record_updates,
    note_contradictions,
    conclude_deductions,
    delete_conclusions,
)
INDUCTION: Final[tuple[AgentTool[Workbench], ...]] = (find_conclusions, read_recent, conclude_patterns)
CARD: Final[tuple[AgentTool[Workbench], ...]] = (find_conclusions, read_recent, rewrite_card)
