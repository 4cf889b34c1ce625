"""Where settings come from: environment, then `.env`, then `config.toml`, then the defaults."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource

from shared.domain.errors import Invalid
from shared.settings.not_yet import refusals
from shared.settings.sections import DialecticSettings, Section, Settings

_LEVELS = "levels"


class SettingsInvalid(Invalid):
    """The settings are not valid."""


def load(*, env: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """The settings in force for this process.

    `env` replaces the process environment, `folder` (default: the working directory) holds `.env` and
    `config.toml`. An empty value means not set. Raises `SettingsInvalid`, naming the variable or key.
    """
    place = folder or Path.cwd()
    variables = _variables(os.environ if env is None else env, place / ".env")
    toml = _toml(place / "config.toml")
    found = {
        name: _section(name, cast(type[Section], info.annotation), variables, toml)
        for name, info in Settings.model_fields.items()
    }
    try:
        settings = Settings.model_validate(found)
    except ValidationError as error:
        raise SettingsInvalid(_explain(error)) from None
    if refused := refusals(settings):
        raise SettingsInvalid("; ".join(refused))
    return settings


def _variables(env: Mapping[str, str], dotenv: Path) -> dict[str, str]:
    """Upper-case names to values; the environment wins over the file, and an empty value counts as absent."""
    sources: list[Mapping[str, str | None]] = [dotenv_values(dotenv) if dotenv.is_file() else {}, env]
    return {name.upper(): value for source in sources for name, value in source.items() if value}


def _toml(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        return {}
    try:
        document = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path}: {error}") from None
    unknown = sorted(set(document) - set(Settings.model_fields))
    if unknown:
        raise SettingsInvalid(f"{path}: unknown section [{unknown[0]}]")
    loose = next((name for name, section in document.items() if not isinstance(section, dict)), None)
    if loose is not None:
        raise SettingsInvalid(f"{path}: {loose} must be a section [{loose}]")
    return {name: _lowered(cast(dict[str, Any], section)) for name, section in document.items()}


def _lowered(table: dict[str, Any]) -> dict[str, Any]:
    """Keys in lower case; an empty value counts as absent here too."""
    return {
        key.lower(): _lowered(cast(dict[str, Any], value)) if isinstance(value, dict) else value
        for key, value in table.items()
        if value != ""
    }


def _section(
    name: str, section: type[Section], variables: Mapping[str, str], toml: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    prefix = "" if name == "app" else f"{name.upper()}_"
    values = _deep(toml.get(name, {}), _from_environment(section, prefix, variables))
    if section is DialecticSettings and _LEVELS in values:
        defaults = DialecticSettings().model_dump()[_LEVELS]
        values[_LEVELS] = _deep(cast(dict[str, Any], defaults), cast(dict[str, Any], values[_LEVELS]))
    return values


def _from_environment(section: type[Section], prefix: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """What the variables say, nested names (`__`) and JSON values included; pydantic-settings does the reading."""

    # A field's alias is its documented name. The reader would look for it without the prefix, so it sees none.
    aliases = {name: info.alias or name for name, info in section.model_fields.items()}
    documented = {f"{prefix}{alias}".lower(): f"{prefix}{name}".lower() for name, alias in aliases.items()}

    def renamed(variable: str) -> str:
        head, *rest = variable.lower().split("__", 1)
        return "__".join([documented.get(head, head), *rest])

    class _Reader(EnvSettingsSource):
        def _load_env_vars(self) -> Mapping[str, str | None]:
            return {renamed(key): value for key, value in variables.items()}

    types = {name: info.annotation for name, info in section.model_fields.items()}
    holder = type("_Holder", (BaseSettings,), {"__annotations__": types, **dict.fromkeys(types)})
    reader = _Reader(cast(type[BaseSettings], holder), env_prefix=prefix, env_nested_delimiter="__")
    return {aliases.get(name, name): value for name, value in reader().items()}


def _deep(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _deep(cast(dict[str, Any], below), cast(dict[str, Any], value)) if both else value
    return merged


def _explain(error: ValidationError) -> str:
    """The first problem, by the name an operator would set."""
    first = error.errors(include_url=False, include_input=False)[0]
    head, *rest = [str(part) for part in first["loc"]] or [""]
    prefix = [] if head == "app" else [head]
    name = "_".join([*prefix, "__".join(rest)]).upper().strip("_")
    # Rules across settings name the variables themselves.
    text = first["msg"].removeprefix("Value error, ")
    return f"{name}: {text}" if name and rest else text
