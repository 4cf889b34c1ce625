"""Sections about reasoning: messages to conclusions, summaries, questions."""

from typing import Annotated

from pydantic import Field

from shared.settings.models import ReasoningLevel
from shared.settings.providers import Feature, Tokens
from shared.settings.section import Count, Section, setting

# Anthropic refuses smaller thinking budgets.
_LEAST_THINKING = 1024


class DeriverSettings(Feature):
    """Messages to conclusions."""

    enabled: bool = setting(True, "what `reasoning.enabled` is where no workspace, session or message says it")
    workers: Annotated[int, Field(ge=1, le=100)] | None = setting(
        None, "units derived at the same time by the local stack, 8 when not set; deployed, template.yaml says it"
    )
    polling_sleep_interval_seconds: Annotated[float, Field(gt=0, le=60)] = setting(
        1.0, "how often the local stack looks for work that has become due"
    )
    stale_session_timeout_minutes: Annotated[int, Field(ge=1, le=1440)] | None = setting(
        None, "after which work of a worker that vanished is taken up; [queue] lease_seconds when not set"
    )
    queue_error_retention_seconds: Count = setting(2_592_000, "for how long work that was set aside is kept")
    max_output_tokens: Tokens = setting(4096, "of one answer")
    thinking_budget_tokens: Annotated[int, Field(ge=0, le=5000)] = setting(1024, "0: none")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = setting(None, "the model's own when not set")
    max_input_tokens: Annotated[int, Field(ge=1, le=25_000)] = setting(23_000, "of one prompt")
    max_custom_instructions_tokens: Annotated[int, Field(ge=0, le=2000)] = setting(2000, "0: none are accepted")
    deduplicate: bool = setting(True, "reinforce what is known instead of noting it again")
    log_observations: bool = setting(False, "log the texts of conclusions: they are what users said")
    working_representation_max_observations: Annotated[int, Field(ge=1, le=1000)] = setting(
        100, "conclusions of a representation"
    )
    representation_batch_max_tokens: Annotated[int, Field(ge=128, le=16_384)] = setting(
        1024, "tokens of messages that are waited for, and read by one call"
    )
    representation_batch_work_unit_target_tokens: Annotated[int, Field(ge=0, le=16_384)] | None = setting(
        None, "only what is waited for, where it is to differ"
    )
    representation_batch_target_input_tokens: Annotated[int, Field(ge=128, le=16_384)] | None = setting(
        None, "only what one call reads, where it is to differ"
    )
    representation_batch_max_age_seconds: Annotated[int, Field(ge=0)] = setting(
        1800, "after which messages are read although they are few; 0: they wait for more"
    )
    flush_enabled: bool = setting(False, "true: nothing is waited for")
    timeout_seconds: Count = setting(80, "of one derivation; less than the function's 90")
    max_attempts: Count = setting(5, "before work is set aside")

    @property
    def gate_tokens(self) -> int:
        """Tokens that must be waiting before a unit is looked at; 0 when nothing has to wait."""
        if self.flush_enabled:
            return 0
        target = self.representation_batch_work_unit_target_tokens
        return self.representation_batch_max_tokens if target is None else target

    @property
    def window_tokens(self) -> int:
        """The most tokens of messages that one model call reads."""
        return self.representation_batch_target_input_tokens or self.representation_batch_max_tokens


class PeerCardSettings(Section):
    """Whether cards are used and written by default."""

    enabled: bool = setting(True, "what `peer_card` is where no workspace, session or message says it")


class SummarySettings(Feature):
    """Short and long summaries of sessions."""

    enabled: bool = setting(True, "what `summary.enabled` is where no workspace, session or message says it")
    max_tokens_short: Annotated[int, Field(ge=1, le=10_000)] = setting(1000, "of a short summary")
    max_tokens_long: Annotated[int, Field(ge=1, le=20_000)] = setting(4000, "of a long summary")
    thinking_budget_tokens: Annotated[int, Field(ge=0, le=2000)] = setting(512, "0: none")
    messages_per_short_summary: Annotated[int, Field(ge=1, le=100)] = setting(20, "messages from one to the next")
    messages_per_long_summary: Annotated[int, Field(ge=1, le=500)] = setting(60, "messages from one to the next")
    timeout_seconds: Count = setting(80, "of one summary; less than the function's 90")


class LevelSettings(Feature):
    """One reasoning level of the dialectic."""

    thinking_budget_tokens: Annotated[int, Field(ge=0, le=100_000)] = setting(
        0, "0: none; anthropic wants at least 1024"
    )
    max_tool_iterations: Annotated[int, Field(ge=0, le=50)] = setting(1, "rounds of looking things up")
    max_output_tokens: Tokens | None = setting(None, "[dialectic] max_output_tokens when not set")
    tool_choice: str | None = setting(None, "auto, any, required, none or a tool's name in the first round")


def _default_levels() -> dict[ReasoningLevel, LevelSettings]:
    return {
        "minimal": LevelSettings(max_tool_iterations=1, max_output_tokens=250, tool_choice="any"),
        "low": LevelSettings(max_tool_iterations=5, tool_choice="any"),
        "medium": LevelSettings(max_tool_iterations=2, thinking_budget_tokens=1024),
        "high": LevelSettings(max_tool_iterations=4, thinking_budget_tokens=1024),
        "max": LevelSettings(max_tool_iterations=10, thinking_budget_tokens=2048),
    }


class DialecticSettings(Section):
    """Answering questions about a peer."""

    max_output_tokens: Tokens = setting(8192, "of one answer")
    max_input_tokens: Annotated[int, Field(ge=1, le=200_000)] = setting(
        100_000, "of one call, what tools said included"
    )
    history_token_limit: Tokens = setting(8192, "of a session's messages that a tool shows")
    session_history_max_tokens: Annotated[int, Field(ge=0, le=16_384)] = setting(
        4096, "of a session's newest messages in the prompt; 0: none"
    )
    timeout_seconds: Count = setting(120, "of one answer")
    levels: dict[ReasoningLevel, LevelSettings] = Field(default_factory=_default_levels)
