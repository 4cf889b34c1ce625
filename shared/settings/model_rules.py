"""What must hold between the settings of models: keys, backups, room to think."""

from collections.abc import Iterator
from typing import Final

from shared.settings.choice import effective_provider, lacking, lacking_for_embeddings
from shared.settings.knobs import variable_of
from shared.settings.models import TOOLS_OF_LEVELS, Provider
from shared.settings.reading import Keys
from shared.settings.sections import Feature, Settings
from shared.settings.wording import listed

Breaches = Iterator[tuple[Keys, str]]

# Anthropic refuses smaller thinking budgets.
LEAST_THINKING: Final = 1024
_CHOICES: Final = ("auto", "any", "required", "none")


def features(settings: Settings) -> dict[Keys, Feature]:
    """Everything that has a model of its own, by its place."""
    levels = {("dialectic", "levels", name): level for name, level in settings.dialectic.levels.items()}
    single: dict[Keys, Feature] = {
        ("deriver",): settings.deriver,
        ("summary",): settings.summary,
        ("dream",): settings.dream,
    }
    return {**single, **levels}


def backups(settings: Settings) -> Breaches:
    """Backups have a provider and a model."""
    for name, feature in features(settings).items():
        pair = {"backup_provider": feature.backup_provider, "backup_model": feature.backup_model}
        missing = [key for key, value in pair.items() if value is None]
        if len(missing) == 1:
            other = next(key for key in pair if key not in missing)
            yield (*name, missing[0]), f"goes with {variable_of((*name, other))}: set both or neither."


def thinking(settings: Settings) -> Breaches:
    """Whoever thinks has room left to answer."""
    for name, feature in features(settings).items():
        budget, place = int(getattr(feature, "thinking_budget_tokens", 0)), (*name, "thinking_budget_tokens")
        if name[0] == "dialectic" and _is_too_little(settings, feature, budget):
            yield place, f"must be 0 or at least {LEAST_THINKING} with provider anthropic."
        elif budget and name[0] != "summary":
            # A summary's budget comes on top of its cap.
            cap, most = _cap(settings, name, feature)
            if budget >= most:
                yield place, f"must be smaller than {cap}, or nothing is left for the answer: lower it, or raise that."


def tool_choices(settings: Settings) -> Breaches:
    """A tool that is to be called first is one that is on offer."""
    for name, level in settings.dialectic.levels.items():
        tools = TOOLS_OF_LEVELS[name]
        if level.tool_choice is not None and level.tool_choice not in (*_CHOICES, *tools):
            text = f"must be {', '.join(_CHOICES)} or a tool of that level: {listed(tools, 'or')}."
            yield ("dialectic", "levels", name, "tool_choice"), text


def reach(settings: Settings) -> Breaches:
    """What is named can be reached."""
    for base in ("openai_compatible", "vllm"):
        if getattr(settings.llm, f"{base}_base_url") is not None and getattr(settings.llm, f"{base}_api_key") is None:
            text = f"is needed with LLM_{base.upper()}_BASE_URL: set it, to any text if that server asks for no key."
            yield ("llm", f"{base}_api_key"), text
    for place, provider in _chosen(settings):
        missing = lacking(settings.llm, provider)
        if missing and not _is_halved(settings, provider):
            yield place, f"is {provider}, so {' and '.join(missing)} must be set."
    if missing := lacking_for_embeddings(settings.llm):
        provider = settings.llm.embedding_provider
        yield ("llm", "embedding_provider"), f"is {provider}, so {' and '.join(missing)} must be set."


def budgets_too_small(settings: Settings) -> Breaches:
    """Budgets that a provider raises to the least it takes."""
    for name, feature in features(settings).items():
        budget = int(getattr(feature, "thinking_budget_tokens", 0))
        if name[0] != "dialectic" and _is_too_little(settings, feature, budget):
            text = f"is {budget}, but provider anthropic takes at least {LEAST_THINKING}: it gets those."
            yield (*name, "thinking_budget_tokens"), text


def _cap(settings: Settings, name: Keys, feature: Feature) -> tuple[str, int]:
    own = getattr(feature, "max_output_tokens", None)
    if own is not None:
        return variable_of((*name, "max_output_tokens")), own
    return "DIALECTIC_MAX_OUTPUT_TOKENS", settings.dialectic.max_output_tokens


def _is_too_little(settings: Settings, feature: Feature, budget: int) -> bool:
    return 0 < budget < LEAST_THINKING and effective_provider(settings, feature) == "anthropic"


def _chosen(settings: Settings) -> Iterator[tuple[Keys, Provider]]:
    """The providers that are set by name, and where."""
    for name, feature in features(settings).items():
        if feature.provider is not None:
            yield (*name, "provider"), feature.provider
        if feature.backup_provider is not None:
            yield (*name, "backup_provider"), feature.backup_provider


def _is_halved(settings: Settings, provider: Provider) -> bool:
    """Whether the base URL without a key was told already."""
    base = {"custom": "openai_compatible", "vllm": "vllm"}.get(provider)
    return base is not None and getattr(settings.llm, f"{base}_base_url") is not None
