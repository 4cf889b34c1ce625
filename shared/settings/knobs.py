"""Every single setting: under which names it is set, what it may be, and whether it is a secret."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from shared.settings.sections import Settings

# The names of 3.0.12 for what the seed calls otherwise. Both are good; set to different values they are refused.
ALIASES: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("embedding", "vector_dimensions"): ("vector_store", "dimensions"),
    ("embedding", "max_input_tokens"): ("app", "max_embedding_tokens"),
    ("embedding", "max_tokens_per_request"): ("app", "max_embedding_tokens_per_request"),
}


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting. `keys` lead to it in `config.toml`, section first; `attributes` in `Settings`."""

    keys: tuple[str, ...]
    attributes: tuple[str, ...]
    field: FieldInfo
    default: Any

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return variable_of(self.keys)

    @property
    def place(self) -> str:
        """Where it stands in `config.toml`."""
        return place_of(self.keys)

    @property
    def kind(self) -> Any:
        """Its type, without the None of what may be left out."""
        annotation: Any = self.field.annotation
        if get_origin(annotation) in (Union, types.UnionType):
            annotation = next(one for one in get_args(annotation) if one is not type(None))
        # `Annotated[int, ...] | None` keeps its bounds inside the union.
        return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation

    @property
    def is_json(self) -> bool:
        """Whether an environment variable holds it as JSON."""
        return get_origin(self.kind) in (tuple, dict)

    @property
    def is_secret(self) -> bool:
        return self.kind is SecretStr or SecretStr in get_args(self.kind)

    def of(self, settings: Settings) -> Any:
        """Its value in `settings`."""
        found: Any = settings
        for name in self.attributes:
            found = cast(Any, found[name] if isinstance(found, Mapping) else getattr(found, name))
        return found


def variable_of(keys: tuple[str, ...]) -> str:
    """`DERIVER_MODEL`, `LOG_LEVEL`, `DIALECTIC_LEVELS__low__MODEL`: the names of levels stay in lower case."""
    section, *rest = keys
    upper = [part if keys[:2] == ("dialectic", "levels") and part is keys[2] else part.upper() for part in rest[1:]]
    first = rest[0].upper()
    return "__".join([first if section == "app" else f"{section.upper()}_{first}", *upper])


def place_of(keys: tuple[str, ...]) -> str:
    return f"[{'.'.join(keys[:-1])}] {keys[-1]}"


@cache
def all_knobs() -> tuple[Knob, ...]:
    """Every setting, in the order of the sections."""
    usual = Settings()
    return tuple(knob for name in Settings.model_fields for knob in _below(getattr(usual, name), (name,), (name,)))


@cache
def keys_to_knobs() -> dict[tuple[str, ...], Knob]:
    """The settings by the keys that lead to them."""
    return {knob.keys: knob for knob in all_knobs()}


@cache
def tables() -> frozenset[tuple[str, ...]]:
    """The keys below which there are settings: sections, and tables inside them."""
    return frozenset(knob.keys[:depth] for knob in all_knobs() for depth in range(1, len(knob.keys)))


@cache
def by_variable() -> dict[str, Knob]:
    """The settings by their variable in upper case, the newer names included."""
    found = {knob.variable.upper(): knob for knob in all_knobs()}
    return found | {variable_of(alias).upper(): keys_to_knobs()[target] for alias, target in ALIASES.items()}


@cache
def groups() -> dict[str, tuple[str, ...]]:
    """What may also be set as a whole, in JSON: `DIALECTIC_LEVELS`, `DREAM_SURPRISAL`; the variable to its keys."""
    return {variable_of(keys).upper(): keys for keys in sorted(tables()) if len(keys) > 1}


def choices(kind: Any) -> tuple[str, ...]:
    """The values that `kind` allows, when it is a closed list."""
    return cast(tuple[str, ...], get_args(kind)) if get_origin(kind) is Literal else ()


def _below(section: BaseModel, keys: tuple[str, ...], attributes: tuple[str, ...]) -> Iterator[Knob]:
    for name, field in type(section).model_fields.items():
        value, key = getattr(section, name), field.alias or name
        if isinstance(value, BaseModel):
            yield from _below(value, (*keys, key), (*attributes, name))
        elif key == "levels":
            for level, inner in cast(dict[str, BaseModel], value).items():
                yield from _below(inner, (*keys, key, level), (*attributes, name, level))
        else:
            yield Knob((*keys, key), (*attributes, name), field, value)
