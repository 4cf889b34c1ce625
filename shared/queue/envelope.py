"""The body of a wake-up: versioned, and never any content."""

import json
from typing import cast

from shared.domain.errors import Invalid
from shared.domain.work import WakeUp, WorkUnit

_VERSION = 1


def pack(wake_up: WakeUp) -> str:
    unit = wake_up.unit
    return json.dumps(
        {"version": _VERSION, "workspace": unit.workspace, "unit": unit.key, "number": wake_up.number},
        separators=(",", ":"),
    )


def unpack(body: str) -> WakeUp:
    """The wake-up in `body`. Raises `Invalid` for anything else."""
    try:
        fields = cast(dict[str, object], json.loads(body))
        version, workspace, key, number = (fields[name] for name in ("version", "workspace", "unit", "number"))
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid("not a wake-up") from error
    if version != _VERSION or not (isinstance(workspace, str) and isinstance(key, str) and isinstance(number, int)):
        raise Invalid("not a wake-up of this version")
    return WakeUp(WorkUnit.parse(workspace, key), number)
