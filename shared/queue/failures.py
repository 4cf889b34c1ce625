"""What AWS calls a failure: a right that is missing, a queue that is not there, a network that is away."""

from collections.abc import Mapping
from typing import Any, cast


def name_of(error: Exception) -> str:
    """The code of an answer, AccessDenied for one, where the class is the same for most; else the class."""
    answer = cast("Mapping[str, Mapping[str, Any]]", getattr(error, "response", None) or {})
    return str(answer.get("Error", {}).get("Code") or type(error).__name__)
