"""The tool sets of the agents."""

from shared.reasoning.toolkit import AgentTool
from shared.reasoning.tools.conclusions import search_memory
from shared.reasoning.tools.context import Memory
from shared.reasoning.tools.messages import search_messages

MINIMAL: tuple[AgentTool[Memory], ...] = (search_memory, search_messages)
DIALECTIC: tuple[AgentTool[Memory], ...] = (search_memory, search_messages)
