"""A database that ends its worker, or is gone, before or after the nth transaction from now."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from shared.domain.errors import DatabaseUnavailable
from shared.store.database import CommitUnclear, Connection, Database
from tests.support.erasing import Died

_ERRORS: Final[dict[str, type[BaseException]]] = {
    "dies": Died,
    "dies late": Died,
    "is gone": DatabaseUnavailable,
    "is gone late": DatabaseUnavailable,
    # Whoever asked for the commit does not know whether it happened, and looks or tries again.
    "is unclear late": CommitUnclear,
}
SHOCKS: Final = tuple(_ERRORS)


class ShakenDatabase(Database):
    """The database of `inner`; what is late happens after the commit."""

    def __init__(self, inner: Database, left: int, shock: str) -> None:
        self.__dict__.update(inner.__dict__)
        self.left, self.error, self.is_late = left, _ERRORS[shock], shock.endswith("late")

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        self.left -= 1
        is_now = self.left == 0
        if is_now and not self.is_late:
            raise self.error
        with super().transaction() as conn:
            yield conn
        if is_now:
            raise self.error

    def close(self) -> None:
        """The connections are those of `inner`."""


def shaken(inner: Database, shock: str, at: int) -> Database:
    """The database under this shock; as it is where there is none of that name."""
    return ShakenDatabase(inner, at, shock) if shock in _ERRORS else inner
