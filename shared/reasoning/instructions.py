"""Instructions of the caller, as a part of prompts."""

from shared.llm import tokens
from shared.reasoning.prompts import indented
from shared.settings import Settings


def told(settings: Settings, *given: str | None) -> str:
    """What is given, in a section of its own; "" for nothing.

    The limit may have been lowered since it was stored. Indented, it cannot pass for a part of the prompt.
    """
    most = settings.deriver.max_custom_instructions_tokens
    texts = [tokens.cut((one or "").strip(), most) for one in given]
    lines = "\n".join(text for text in texts if text)
    return f"Additional instructions for this workspace:\n  {indented(lines)}" if lines else ""
