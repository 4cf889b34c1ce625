"""What `samconfig.toml` says for a profile: its environment of that name, or else the default one."""

import shlex
import tomllib
from pathlib import Path
from typing import Any, Final, cast

_DEFAULT: Final = "default"


def environment_of(path: Path, profile: str) -> str:
    """The environment of `samconfig.toml` that a profile is deployed with."""
    return profile if profile in _read(path) else _DEFAULT


def stack_name(path: Path, profile: str) -> str:
    """The name of the stack, unless another is asked for."""
    table = _read(path).get(environment_of(path, profile), {})
    named = _below(table, "deploy").get("stack_name") or _below(table, "global").get("stack_name")
    return str(named or "honcho")


def overrides(path: Path, profile: str) -> dict[str, str]:
    """The values of parameters that a profile is deployed with."""
    said = _below(_read(path).get(environment_of(path, profile), {}), "deploy").get("parameter_overrides")
    if said is None:
        return {}
    if isinstance(said, dict):
        return {str(name): str(value) for name, value in cast(dict[str, Any], said).items()}
    parts = shlex.split(said) if isinstance(said, str) else [str(part) for part in cast(list[object], said)]
    return {name: value.strip('"') for name, is_pair, value in (part.partition("=") for part in parts) if is_pair}


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text()) if path.is_file() else {}


def _below(table: dict[str, Any], command: str) -> dict[str, Any]:
    return cast(dict[str, Any], table.get(command, {}).get("parameters", {}))
