"""The tool sets of the agents."""

from shared.reasoning.toolkit import AgentTool
from shared.reasoning.tools.conclusions import search_memory
from shared.reasoning.tools.context import ToolContext
from shared.reasoning.tools.messages import search_messages

MINIMAL: tuple[AgentTool[ToolContext], ...] = (search_memory, search_messages)
DIALECTIC: tuple[AgentTool[ToolContext], ...] = (search_memory, search_messages)
