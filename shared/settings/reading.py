"""What environment, `.env` and `config.toml` say, name by name, and which of their names mean nothing."""

import difflib
import io
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final, cast

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from shared.settings.knobs import ALIASES, all_knobs, by_variable, groups, keys_to_knobs, place_of, tables, variable_of
from shared.settings.sections import Settings
from shared.settings.strangers import unknown_variable, without_meaning
from shared.settings.wording import listed

Keys = tuple[str, ...]
_FEW: Final = 8
_QUOTED_JSON: Final = re.compile(r"'([\[{].*[\]}])'", re.DOTALL)


class Source(Enum):
    """Where a value comes from; the later wins."""

    DEFAULT = "default"
    TOML = "config.toml"
    DOTENV = ".env"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Given:
    """A value that somebody set, and under which name."""

    value: Any
    source: Source
    name: str
    is_from_secret: bool = False


@dataclass(slots=True)
class Reading:
    """What was found so far. Later sources replace what earlier ones said."""

    given: dict[Keys, Given] = field(default_factory=dict[Keys, Given])
    problems: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])
    # The sections of which a value is wrong: rules that would read it keep quiet.
    wrong: set[str] = field(default_factory=set[str])


def read_toml(path: Path, reading: Reading) -> None:
    """Add what `config.toml` says, if there is one."""
    text = _text(path, reading)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reading.problems.append(f"{path.name} cannot be read: {error}.")
        return
    for name, section in document.items():
        key = name.lower()
        if key not in Settings.model_fields and isinstance(section, dict):
            _unknown_section(name, reading)
        elif key not in Settings.model_fields:
            reading.problems.append(f"{name} in config.toml stands outside of every section: write one above it.")
        elif not isinstance(section, dict):
            reading.problems.append(f"{name} in config.toml must be a section: write [{key}] above its keys.")
        else:
            _spread(cast(dict[str, Any], section), (key,), Source.TOML, reading)


def read_dotenv(path: Path, reading: Reading) -> None:
    """Add what `.env` says, if there is one. A line that says nothing is a problem, and never passed over."""
    lines = list(parse_stream(io.StringIO(_text(path, reading))))
    wrong = [str(line.original.line) for line in lines if line.error]
    if wrong:
        where = f"Line {wrong[0]} of {path.name} is" if len(wrong) == 1 else f"Lines {listed(wrong, 'and')} of .env are"
        reading.problems.append(f"{where} not NAME=value.")
    sound = "".join(line.original.string for line in lines if not line.error)
    read_variables(dotenv_values(stream=io.StringIO(sound)), Source.DOTENV, reading)


def _text(path: Path, reading: Reading) -> str:
    """What the file says; nothing where there is none. Editors of some systems begin it with a mark of its encoding."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        reading.problems.append(f"{path.name} cannot be read: it is not UTF-8; save it as that.")
    except OSError as error:
        reading.problems.append(f"{path.name} cannot be read: {error.strerror}.")
    return ""


def read_variables(variables: Mapping[str, str | None], source: Source, reading: Reading) -> None:
    """Add what these variables say; an empty value counts as not set."""
    named = {name: value for name, value in variables.items() if value}
    # A whole group first, so that its single members win over it.
    for name in sorted(named, key=lambda one: (one.upper() not in groups(), one.count("__"))):
        knob, value = by_variable().get(name.upper()), named[name]
        if knob is not None:
            keys = _alias_of(name) or knob.keys
            reading.given[keys] = Given(value, source, name)
        elif name.upper() in groups():
            _read_group(name, value, source, reading)
        else:
            _unknown(name, source, reading)


def written(given: Given | None, keys: Keys) -> str:
    """How an operator knows a setting: by the name it was set under, and where."""
    if given is None or given.source is Source.ENVIRONMENT:
        return given.name if given is not None else variable_of(keys)
    if given.source is Source.TOML:
        return f"{place_of(keys)} in config.toml ({variable_of(keys)})"
    return f"{given.name} in {given.source.value}"


def parsed(text: str) -> Any:
    """The value of a variable that holds JSON; outer single quotes are taken away. Raises `ValueError`."""
    quoted = _QUOTED_JSON.fullmatch(text.strip())
    return json.loads(quoted[1] if quoted else text)


def _read_group(name: str, value: str, source: Source, reading: Reading) -> None:
    try:
        document = parsed(value)
    except ValueError:
        document = None
    if isinstance(document, dict):
        _spread(cast(dict[str, Any], document), groups()[name.upper()], source, reading, name=name)
    else:
        reading.problems.append(f"{_of(name, source)} must be a JSON object.")


def _spread(document: dict[str, Any], above: Keys, source: Source, reading: Reading, *, name: str = "") -> None:
    """Take a table apart into single settings. `name` is the variable that held it, if one did."""
    for written_key, value in document.items():
        keys = (*above, written_key.lower())
        if value == "":
            continue
        if keys in ALIASES or keys in keys_to_knobs():
            reading.given[keys] = Given(value, source, name or place_of(keys))
        elif keys in tables() and isinstance(value, dict):
            _spread(cast(dict[str, Any], value), keys, source, reading, name=name)
        elif said := without_meaning(variable_of(keys)):
            reading.warnings.append(f"{place_of(keys)} has no effect here: {said}.")
        else:
            where = f"{name}: {written_key}" if name else f"{place_of((*above, written_key))} in config.toml"
            reading.problems.append(f"{where} is not a setting: {_hint(keys)}")


def _alias_of(name: str) -> Keys | None:
    return next((alias for alias in ALIASES if variable_of(alias).upper() == name.upper()), None)


def _unknown(name: str, source: Source, reading: Reading) -> None:
    above = next((group for group in groups() if name.upper().startswith(f"{group}__")), None)
    if said := without_meaning(name):
        reading.warnings.append(f"{_of(name, source)} has no effect here: {said}.")
    elif above is not None:
        # Nobody else has names like these.
        keys = (*groups()[above], *name[len(above) + 2 :].lower().split("__"))
        reading.problems.append(f"{_of(name, source)} is not a setting: {_hint(keys)}")
    elif said := unknown_variable(name, is_ours=source is Source.DOTENV):
        reading.warnings.append(f"{_of(name, source)} is not a setting{said}")


def _of(name: str, source: Source) -> str:
    return name if source is Source.ENVIRONMENT else f"{name} in {source.value}"


def _hint(keys: Keys) -> str:
    """Which name was probably meant, beside the first of `keys` that is not known."""
    depth = next(depth for depth in range(1, len(keys) + 1) if keys[:depth] not in tables())
    above, wrong = keys[: depth - 1], keys[depth - 1]
    beside = list(dict.fromkeys(knob.keys[depth - 1] for knob in all_knobs() if knob.keys[: depth - 1] == above))
    near = difflib.get_close_matches(wrong, beside, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {listed(beside, 'and')}." if len(beside) <= _FEW else "config.toml.example lists them."


def _unknown_section(name: str, reading: Reading) -> None:
    near = difflib.get_close_matches(name.lower(), Settings.model_fields, n=1)
    hint = f"did you mean [{near[0]}]?" if near else f"there are {listed(list(Settings.model_fields), 'and')}."
    if said := without_meaning(f"{name}_"):
        reading.warnings.append(f"[{name}] in config.toml has no effect here: {said}.")
    else:
        reading.problems.append(f"[{name}] in config.toml is not a section: {hint}")
