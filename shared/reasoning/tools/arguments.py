"""What the arguments of tools are made of."""

from collections.abc import Callable
from typing import Annotated

from pydantic import BeforeValidator, Field

Query = Annotated[str, Field(min_length=1, max_length=10_000)]
Day = Annotated[str, Field(max_length=40, description="ISO 8601")]
Ids = Annotated[list[str], Field(min_length=1, max_length=10, description="from (id: …)")]


def clamped(default: int, most: int) -> BeforeValidator:
    """A reader of counts: `default` instead of what is no number, 1 to `most` for the rest.

    A turn is worth more than a rebuke: models ask for "all" or for a thousand, and mean "many".
    """
    return BeforeValidator(_reader(default, most))


def _reader(default: int, most: int) -> Callable[[object], int]:
    def read(given: object) -> int:
        try:
            number = int(given) if isinstance(given, str | int | float) else default
        except (ValueError, OverflowError):
            number = default
        return min(max(number, 1), most)

    return read
