"""Configuration in levels: message over session over workspace over the server's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.json import Json, JsonObject

_INSTRUCTIONS = "custom_instructions"
_SECTIONS = ("reasoning", "peer_card", "summary", "dream", "dialectic")
# Whoever writes the card is told what holds for dreams anyway: what stands in its own section is said beside that.
_ADDING = "peer_card"
# Whoever wants no summary may ask for one after any number of messages: this many no session has.
_NEVER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is in force for one message or session. Instructions are the caller's, one text for each use of a model."""

    reasoning: bool = True
    custom_instructions: str | None = None
    use_card: bool = True
    create_card: bool = True
    summary: bool = True
    messages_per_short_summary: int = 20
    messages_per_long_summary: int = 60
    dream: bool = True
    summary_instructions: str | None = None
    dream_instructions: str | None = None
    card_instructions: str | None = None
    dialectic_instructions: str | None = None


def merge(stored: Mapping[str, Json], given: Mapping[str, Json]) -> JsonObject:
    """`given` laid over `stored`: a section replaces its namesake as a whole, a null section keeps it."""
    merged = dict(stored)
    for key, value in given.items():
        if key in _SECTIONS:
            if isinstance(value, dict):
                merged[key] = {leaf: item for leaf, item in value.items() if item is not None}
        elif value is not None:
            merged[key] = value
    return merged


def cleaned(given: Mapping[str, Json]) -> JsonObject:
    """`given` as it is stored on a new row: null sections and null leaves dropped."""
    return merge({}, given)


def resolve(defaults: Configuration, *levels: Mapping[str, Json] | None) -> Configuration:
    """The configuration in force; `levels` go from workspace to message, later ones win leaf by leaf."""
    in_force: dict[str, Json] = {}
    for level in levels:
        for section in _SECTIONS:
            leaves = _section(level or {}, section)
            in_force |= {f"{section}.{leaf}": value for leaf, value in leaves.items() if value is not None}
    return Configuration(
        reasoning=_flag(in_force, "reasoning.enabled", defaults.reasoning),
        custom_instructions=_text(in_force, "reasoning.custom_instructions", defaults.custom_instructions),
        use_card=_flag(in_force, "peer_card.use", defaults.use_card),
        create_card=_flag(in_force, "peer_card.create", defaults.create_card),
        summary=_flag(in_force, "summary.enabled", defaults.summary),
        messages_per_short_summary=_count(
            in_force, "summary.messages_per_short_summary", defaults.messages_per_short_summary
        ),
        messages_per_long_summary=_count(
            in_force, "summary.messages_per_long_summary", defaults.messages_per_long_summary
        ),
        dream=_flag(in_force, "dream.enabled", defaults.dream),
        summary_instructions=_text(in_force, "summary.custom_instructions", defaults.summary_instructions),
        dream_instructions=_text(in_force, "dream.custom_instructions", defaults.dream_instructions),
        card_instructions=_text(in_force, "peer_card.custom_instructions", defaults.card_instructions),
        dialectic_instructions=_text(in_force, "dialectic.custom_instructions", defaults.dialectic_instructions),
    )


def _section(level: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    section = level.get(name)
    leaves = dict(section) if isinstance(section, dict) else {}
    if name == "reasoning" and leaves.get("enabled") is None:
        leaves |= _legacy_reasoning(level)
    if name != _ADDING and leaves.get(_INSTRUCTIONS) is None:
        # Said for the whole level; an empty text is said, too.
        leaves[_INSTRUCTIONS] = level.get(_INSTRUCTIONS)
    return leaves


def _legacy_reasoning(level: Mapping[str, Json]) -> JsonObject:
    """Older clients wrote `deriver.enabled` or `skip_deriver` where `reasoning.enabled` stands today."""
    deriver = level.get("deriver")
    if isinstance(deriver, dict) and isinstance(deriver.get("enabled"), bool):
        return {"enabled": deriver["enabled"]}
    return {"enabled": False} if level.get("skip_deriver") is True else {}


def _flag(values: Mapping[str, Json], key: str, default: bool) -> bool:
    value = values.get(key)
    return value if isinstance(value, bool) else default


def _count(values: Mapping[str, Json], key: str, default: int) -> int:
    value = values.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return default
    return min(value, _NEVER)


def _text(values: Mapping[str, Json], key: str, default: str | None) -> str | None:
    value = values.get(key)
    return value if isinstance(value, str) else default
