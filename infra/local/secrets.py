"""Secrets by ARN in the local stack: the launcher fetches them, because functions get no credentials here."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from shared.settings.knobs import keys_to_knobs
from shared.settings.sources import Resolved


def fetched_secrets(found: Resolved) -> dict[str, str]:
    """The variables that hand on what was fetched, as functions are to find them."""
    given = [keys for keys, one in found.given.items() if one.is_from_secret]
    knobs = [keys_to_knobs()[keys] for keys in given]
    return {knob.variable: _text(knob.of(found.settings)) for knob in knobs}


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return json.dumps({str(key): _text(one) for key, one in value.items()})  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
    return str(value)
