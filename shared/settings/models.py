"""Which model serves which feature, and what it takes to reach it."""

from dataclasses import dataclass, field
from typing import Literal

Provider = Literal["openai", "custom", "vllm", "groq", "anthropic", "google", "offline"]
EmbeddingProvider = Literal["openai", "gemini", "openrouter", "custom", "offline"]
DimensionsMode = Literal["auto", "always", "never"]
EncodingMode = Literal["auto", "float", "base64"]
ReasoningLevel = Literal["minimal", "low", "medium", "high", "max"]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One chat model and its credentials. `backup` serves the last attempt when this one fails."""

    provider: Provider
    model: str
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    backup: "ModelSpec | None" = None

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """One embedding model. `dimensions` None lets the model decide (offline models have their own size)."""

    provider: EmbeddingProvider
    model: str
    dimensions: int | None
    max_input_tokens: int
    max_request_tokens: int
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    dimensions_mode: DimensionsMode = "auto"
    encoding_mode: EncodingMode = "auto"
    max_batch: int | None = None
    timeout_s: float | None = None
    concurrency: int = 1


# What a provider's own name stands for when a feature names no model of its own.
DEFAULT_MODELS: dict[Provider, str] = {
    "openai": "gpt-5.4-mini",
    "custom": "gpt-5.4-mini",
    "vllm": "default",
    "groq": "openai/gpt-oss-120b",
    "anthropic": "claude-haiku-4-5",
    "google": "gemini-2.5-flash-lite",
    "offline": "rules-1",
}

DEFAULT_EMBEDDING_MODELS: dict[EmbeddingProvider, str] = {
    "openai": "text-embedding-3-small",
    "gemini": "gemini-embedding-001",
    "openrouter": "openai/text-embedding-3-small",
    "custom": "text-embedding-3-small",
    "offline": "offline",
}

# Of one input, where the vendor's models take less than others.
MAX_INPUT_TOKENS: dict[EmbeddingProvider, int] = {"gemini": 2048}

DEFAULT_BASE_URLS: dict[str, str] = {
    "groq": "https://api.groq.com/openai/v1",
    "openrouter": "https://openrouter.ai/api/v1",
}

_FINDING = (
    "search_memory", "search_messages", "grep_messages", "get_messages_by_date_range", "get_conclusion_context",
)  # fmt: skip
_READING = (*_FINDING, "get_recent_conclusions", "get_session_summary", "get_recent_history")
# The tools that a level offers whatever the question is: only these can be forced by name.
TOOLS_OF_LEVELS: dict[ReasoningLevel, tuple[str, ...]] = {
    "minimal": _FINDING[:2],
    "low": _FINDING,
    "medium": _READING,
    "high": _READING,
    "max": _READING,
}
