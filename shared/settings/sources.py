"""Where settings come from: environment, then `.env`, then `config.toml`, then the defaults."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from shared.domain.errors import Invalid
from shared.settings.knobs import ALIASES, Knob, all_knobs, keys_to_knobs, variable_of
from shared.settings.reading import (
    Given,
    Keys,
    Reading,
    Source,
    parsed,
    read_dotenv,
    read_toml,
    read_variables,
    written,
)
from shared.settings.rules import breaches, concerns
from shared.settings.secret import SecretMissing, is_arn, secret_text
from shared.settings.sections import DialecticSettings, Section, Settings
from shared.settings.wording import must


class SettingsInvalid(Invalid):
    """The settings are not valid."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the sources come to. Where something is wrong, `settings` has that section's defaults."""

    settings: Settings
    given: Mapping[Keys, Given]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def load(*, env: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """The settings in force for this process.

    `env` replaces the process environment, `folder` (default: the working directory) holds `.env` and
    `config.toml`. Raises `SettingsInvalid` with a sentence for each thing that is wrong; values are not repeated.
    """
    found = resolve(env=env, folder=folder)
    if found.problems:
        raise SettingsInvalid("\n".join(found.problems))
    return found.settings


def resolve(
    *,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    read_secret: Callable[[str], str] = secret_text,
) -> Resolved:
    """The settings with the source of each, and everything that is wrong with them.

    `read_secret` gives the text behind an ARN.
    """
    reading = Reading()
    place = folder or Path.cwd()
    read_toml(place / "config.toml", reading)
    read_dotenv(place / ".env", reading)
    read_variables(os.environ if env is None else env, Source.ENVIRONMENT, reading)
    _take_newer_names(reading)
    for knob in all_knobs():
        if knob.keys in reading.given:
            _open(knob, reading, read_secret)
    settings = _validated(reading)
    told = [(keys, text) for sections, keys, text in breaches(settings) if not reading.wrong.intersection(sections)]
    reading.problems += [f"{written(reading.given.get(keys), keys)} {text}" for keys, text in told]
    reading.warnings += [f"{written(reading.given.get(keys), keys)} {text}" for keys, text in concerns(settings)]
    return Resolved(settings, reading.given, tuple(reading.problems), tuple(reading.warnings))


def _take_newer_names(reading: Reading) -> None:
    """Move what was set under a newer name to the setting it stands for."""
    for alias, target in ALIASES.items():
        newer, seeds = reading.given.pop(alias, None), reading.given.get(target)
        if newer is not None and seeds is not None and str(newer.value) != str(seeds.value):
            first, second = written(newer, alias), written(seeds, target)
            reading.problems.append(f"{first} and {second} say the same and differ: keep one of them.")
        elif newer is not None:
            reading.given[target] = newer


def _open(knob: Knob, reading: Reading, read_secret: Callable[[str], str]) -> None:
    """Fetch what is kept elsewhere, and read what is JSON."""
    given = reading.given[knob.keys]
    value, is_from_secret = given.value, knob.is_secret and is_arn(given.value)
    try:
        if is_from_secret:
            value = read_secret(cast(str, value))
        if knob.is_json and isinstance(value, str):
            value = parsed(value)
    except (SecretMissing, ValueError) as error:
        why = f"{error}." if isinstance(error, SecretMissing) else f"{must(knob)}."
        reading.problems.append(f"{written(given, knob.keys)} {why}")
        reading.wrong.add(knob.keys[0])
        del reading.given[knob.keys]
        return
    reading.given[knob.keys] = Given(value, given.source, given.name, is_from_secret)


def _validated(reading: Reading) -> Settings:
    """The settings; a section with something wrong in it keeps its defaults."""
    sections: dict[str, Section] = {}
    for name, info in Settings.model_fields.items():
        kind = cast(type[Section], info.annotation)
        values = _nested(name, reading.given)
        if not values:
            continue
        try:
            sections[name] = kind.model_validate(values)
        except ValidationError as error:
            reading.wrong.add(name)
            reading.problems += _sentences(name, error, reading.given)
    return Settings(**cast(dict[str, Any], sections))


def _nested(section: str, given: Mapping[Keys, Given]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for keys, value in given.items():
        if keys[0] == section:
            place = document
            for key in keys[1:-1]:
                place = place.setdefault(key, {})
            place[keys[-1]] = value.value
    if "levels" in document:
        # A level that is set in part keeps the rest of its own defaults, and the others stay.
        usual = cast(dict[str, dict[str, Any]], DialecticSettings().model_dump()["levels"])
        document["levels"] = {level: {**usual[level], **document["levels"].get(level, {})} for level in usual}
    return document


def _sentences(section: str, error: ValidationError, given: Mapping[Keys, Given]) -> list[str]:
    """One sentence for each setting that is wrong, whatever number of objections there are to it."""
    found: dict[Keys, str] = {}
    for one in error.errors(include_url=False, include_input=False):
        keys = (section, *(str(part) for part in one["loc"]))
        knob = next((knob for depth in range(len(keys), 1, -1) if (knob := keys_to_knobs().get(keys[:depth]))), None)
        own = one["msg"].removeprefix("Value error, ") if one["type"] == "value_error" else None
        if knob is not None:
            found.setdefault(knob.keys, f"{written(given.get(knob.keys), knob.keys)} {own or must(knob)}.")
        else:
            found.setdefault(keys, f"{variable_of(keys)} {own or 'is not valid'}.")
    return list(found.values())
