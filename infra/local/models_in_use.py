"""Which models the settings come to, and what each of them does."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import get_args

from shared.domain.dream import Specialist
from shared.llm.prices import load_prices
from shared.settings import Settings
from shared.settings.choice import chat_spec, dream_spec, embedding_spec
from shared.settings.models import EmbeddingSpec, ModelSpec, ReasoningLevel

_SPECIALISTS: tuple[Specialist, ...] = ("deduction", "induction", "card")
_LEVELS: tuple[ReasoningLevel, ...] = get_args(ReasoningLevel)


def in_use(settings: Settings) -> dict[ModelSpec | EmbeddingSpec, list[str]]:
    """Each chat model once with the features it serves, backups included, then the embeddings.

    Raises `Invalid`, naming what to set, when a feature has no model.
    """
    found: dict[ModelSpec | EmbeddingSpec, list[str]] = {}
    for feature, spec in _by_feature(settings):
        found.setdefault(replace(spec, backup=None), []).append(feature)
        if spec.backup is not None:
            found.setdefault(spec.backup, []).append(f"{feature} (backup)")
    found[embedding_spec(settings)] = ["embeddings"]
    return found


def uncalled(settings: Settings, on: date) -> str | None:
    """Why models are not called at all: a hard budget is set, and they have no price on that day. None: all are."""
    budget = settings.budget
    if budget.hard_usd_per_day is None and budget.hard_usd_per_month is None:
        return None
    prices = load_prices(settings.usage.prices_file)
    names = dict.fromkeys(f"{model.provider}/{model.model}" for model in in_use(settings))
    unpriced = [name for name in names if prices.find(name, on) is None]
    if not unpriced:
        return None
    they = "it is" if len(unpriced) == 1 else "they are"
    return (
        f"BUDGET_HARD_USD_PER_DAY or _MONTH is set, and {', '.join(unpriced)} has no price: {they} not called until"
        " USAGE_PRICES_FILE gives one."
    )


def described(model: ModelSpec | EmbeddingSpec) -> str:
    """`provider/model`, and its address where that is not the vendor's own."""
    name = f"{model.provider}/{model.model}"
    return f"{name} at {model.base_url}" if model.base_url else name


def briefly(features: Sequence[str]) -> str:
    """The features in few words: all levels of chat are "chat", and all there is is "everything"."""
    levels, specialists = [f"chat {name}" for name in _LEVELS], [f"dream {name}" for name in _SPECIALISTS]
    if {"deriver", "summary", *levels, *specialists} <= set(features):
        return "everything"
    words = list(features)
    for whole, parts in (("chat", levels), ("dreams", specialists)):
        if set(parts) <= set(words):
            words[words.index(parts[0])] = whole
            words = [word for word in words if word not in parts]
    return ", ".join(words)


def _by_feature(settings: Settings) -> list[tuple[str, ModelSpec]]:
    return [
        ("deriver", chat_spec(settings, settings.deriver)),
        ("summary", chat_spec(settings, settings.summary)),
        *[(f"chat {name}", chat_spec(settings, settings.dialectic.levels[name])) for name in _LEVELS],
        *[(f"dream {specialist}", dream_spec(settings, specialist)) for specialist in _SPECIALISTS],
    ]
