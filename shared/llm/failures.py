"""What a provider's failures mean: which pass and are tried again, and which do not."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final

from shared.domain.errors import ModelRefused, ModelUnavailable, ServiceError
from shared.telemetry.logs import logger

# Conditions that pass: request timeout, conflict, too many requests; and every 5xx, among them 529 (overloaded).
_PASSING: Final = frozenset({408, 409, 429})
# It is what was sent, and not who sent it: less of it, or another text, may be taken.
_ABOUT_THE_REQUEST: Final = frozenset({400, 413, 422})
_SLUG: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,40}")
# More than that is not remembered: whoever may ask questions with schemas of their own must not fill the memory.
_MOST_DECLINED: Final = 1000


class Objection(ModelRefused):
    """The provider objects to the form of the request.

    `said` are its own words. They may quote the request, so they are never logged or shown.
    """

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


class Declined:
    """What the models of one server have objected to, as (model, feature), so that each is asked only once."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    def __contains__(self, declined: tuple[str, str]) -> bool:
        return declined in self._known

    def add(self, declined: tuple[str, str]) -> None:
        if len(self._known) >= _MOST_DECLINED:
            self._known.clear()
        self._known.add(declined)


def answered(
    name: str, status: int, code: str | None, *, said: str, headers: Mapping[str, str], wait_s: float | None = None
) -> ServiceError:
    """The error that an answer with `status` is. Of the provider's words only a plain `code` is repeated.

    `wait_s` is what the body asks for where there is no Retry-After.
    """
    detail = f"HTTP {status}, {code}" if code and _SLUG.fullmatch(code) else f"HTTP {status}"
    if is_passing(status):
        asked_s = _retry_after_s(headers)
        return ModelUnavailable(
            f"{name} is not available ({detail})", retry_after_s=wait_s if asked_s is None else asked_s
        )
    message = f"{name} refused the request ({detail})"
    return Objection(message, said) if status in _ABOUT_THE_REQUEST else ModelRefused(message)


def is_passing(status: int) -> bool:
    return status in _PASSING or status >= 500


@cache
def note_thinking(model: str, *, asked: int, given: int) -> None:
    """Say once per process that `model` is given another thinking budget than the settings ask for."""
    logger.warning("thinking_budget_changed", model=model, asked=asked, given=given)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
