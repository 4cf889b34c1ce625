"""Sections about dreams."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from shared.domain.conclusion import Level
from shared.domain.dream import DreamKind
from shared.settings.providers import Feature
from shared.settings.section import Count, Section, setting


class SurprisalSettings(Section):
    """Which conclusions a dream looks at first: those that lie far from all others."""

    enabled: bool = setting(False, "whether dreams begin with the surprising")
    tree_type: Literal["kdtree", "balltree"] = setting("kdtree", "kdtree or balltree: both find neighbours exactly")
    tree_k: Annotated[int, Field(ge=1, le=20)] = setting(5, "neighbours that are looked at")
    sampling_strategy: Literal["recent", "random", "all"] = setting("recent", "recent, random or all")
    sample_size: Annotated[int, Field(ge=1, le=2000)] = setting(200, "conclusions that are compared")
    top_percent_surprisal: Annotated[float, Field(gt=0, le=1)] = setting(0.10, "the share of them that counts")
    min_high_surprisal_for_replace: Count = setting(
        10, "from this many on they replace the usual questions of a dream, below they join them"
    )
    include_levels: tuple[Level, ...] = setting(("explicit", "deductive"), "levels of the conclusions compared")

    @field_validator("tree_type", mode="before")
    @classmethod
    def _is_exact(cls, value: object) -> object:
        if value in ("rptree", "covertree", "lsh", "graph", "prototype"):
            raise ValueError(
                f"is '{value}', which only approximates neighbours: use kdtree or balltree, which are exact"
            )
        return value


class DreamSettings(Feature):
    """Consolidation of what is known; `model` serves the specialists that name none of their own."""

    enabled: bool = setting(True, "what `dream.enabled` is where no workspace or session says it; false: none at all")
    document_threshold: Annotated[int, Field(ge=1, le=1000)] = setting(50, "new conclusions that call for a dream")
    idle_timeout_minutes: Annotated[int, Field(ge=1, le=1440)] = setting(60, "of quiet before it begins")
    min_hours_between_dreams: Annotated[int, Field(ge=1, le=72)] = setting(8, "about the same peer")
    enabled_types: tuple[DreamKind, ...] = setting(("omni",), "omni and card_refresh")
    deduction_model: str | None = setting(None, "of the specialists for deduction and for the card")
    induction_model: str | None = setting(None, "of the specialist for patterns")
    max_output_tokens: Annotated[int, Field(ge=1, le=64_000)] = setting(16_384, "of one answer; thinking comes on top")
    thinking_budget_tokens: Annotated[int, Field(ge=0, le=32_000)] = setting(8192, "0: none")
    max_tool_iterations: Annotated[int, Field(ge=1, le=50)] = setting(20, "rounds of one specialist")
    history_token_limit: Annotated[int, Field(ge=1, le=200_000)] = setting(
        16_384, "of what a specialist still remembers of its earlier rounds"
    )
    max_tokens_per_dream: Count = setting(
        400_000, "read and written by the model; then the dream ends with what it has"
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = setting(
        400, "for each specialist; what does not fit into one function call goes on in the next"
    )
    surprisal: SurprisalSettings = SurprisalSettings()
