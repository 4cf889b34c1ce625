"""What a verb is asked to note inside its transaction, so that it commits with the effect or not at all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from shared.store.database import Connection

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Note(Generic[T]):
    """Called with the result, last in the transaction. What it raises undoes the effect.

    `is_kept`: it writes something, so there must be a transaction even where one statement would do.
    """

    tell: Callable[[Connection, T], None]
    is_kept: bool = False

    def __call__(self, conn: Connection, made: T) -> None:
        self.tell(conn, made)

    def of(self, pick: Callable[[S], T]) -> "Note[S]":
        """The same note for a verb whose result holds what is noted."""
        return Note(lambda conn, made: self.tell(conn, pick(made)), self.is_kept)


UNNOTED: Final[Note[Any]] = Note(lambda conn, made: None)
"""For callers that note nothing."""
