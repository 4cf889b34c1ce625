"""The vendors that everything is tried with."""

from tests.support.anthropic_world import AnthropicWorld
from tests.support.google_world import GoogleWorld
from tests.support.openai_world import OpenAIWorld
from tests.support.vendor_world import World

WORLDS: tuple[World, ...] = (
    OpenAIWorld("openai", "gpt-4.1-mini"),
    OpenAIWorld("openai", "gpt-5.4-mini"),
    OpenAIWorld("custom"),
    OpenAIWorld("vllm"),
    OpenAIWorld("groq", schema_complaint=None),
    AnthropicWorld("claude-haiku-4-5"),
    AnthropicWorld("claude-sonnet-5-5"),
    GoogleWorld("gemini-2.5-flash", has_ids=False),
    GoogleWorld("gemini-3.5-flash-lite", has_ids=True),
)
