"""`config.toml.example`: every setting with its default, generated from the models that read them."""

import argparse
import json
import sys
from typing import Any, cast

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from infra.bootstrap import ROOT
from shared.settings.sections import Settings

PATH = ROOT / "config.toml.example"
_HEAD = """\
# Copy to config.toml and change what you need. What is commented out is the default; \"\" means not set.
# An environment variable wins over `.env`, and `.env` over this file: [deriver] flush_enabled is
# DERIVER_FLUSH_ENABLED, [app] log_level is LOG_LEVEL, [dialectic.levels.low] model is DIALECTIC_LEVELS__low__MODEL.
"""


def rendered() -> str:
    """The file as it must be."""
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        parts.append("\n".join(_section(name, cast(type[BaseModel], field.annotation)())))
    return "\n".join(parts) + "\n"


def _section(name: str, section: BaseModel) -> list[str]:
    fields = type(section).model_fields
    lines = [f"# {_first_line(section)}", f"[{name}]"]
    tables: list[str] = []
    for key, field in fields.items():
        value = getattr(section, key)
        if isinstance(value, dict):
            for inner, model in cast(dict[str, BaseModel], value).items():
                tables += ["", *_section(f"{name}.{key}.{inner}", model)]
        elif isinstance(value, BaseModel):
            tables += ["", *_section(f"{name}.{field.alias or key}", value)]
        else:
            lines.append(_line(field.alias or key, field, value))
    return [*lines, *tables, ""] if "." not in name else [*lines, *tables]


def _line(key: str, field: FieldInfo, value: object) -> str:
    shown = field.default if field.default is not PydanticUndefined and value is None else value
    return f"# {key} = {_toml('' if shown is None else shown)}  # {field.description}"


def _toml(value: Any) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return json.dumps(value)


def _first_line(section: BaseModel) -> str:
    return (type(section).__doc__ or "").strip().splitlines()[0]


def main(argv: list[str]) -> int:
    """Write the file, or with `--check` say whether it is current."""
    parser = argparse.ArgumentParser(
        prog="python3 -m infra config-example", description="Write config.toml.example anew from the settings."
    )
    parser.add_argument("--check", action="store_true", help="only compare; write nothing")
    if parser.parse_args(argv).check:
        current = PATH.is_file() and PATH.read_text() == rendered()
        if not current:
            print(f"{PATH.name} is not current: run 'python3 -m infra config-example'.")
        return 0 if current else 1
    PATH.write_text(rendered())
    print(f"{PATH.name} was written.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
