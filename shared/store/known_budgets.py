"""Which workspaces have a budget of their own, without a look for each request."""

from typing import Final

from shared.store import budgets
from shared.store.database import Database
from shared.store.remembered import Remembered

# How long a look is believed: a new budget is in force this much later at the latest. Workers see it at once.
_BELIEVED_S: Final = 30.0
_MOST: Final = 10_000


class KnownBudgets:
    """What the database said within the last half minute."""

    def __init__(self) -> None:
        self._names: Remembered[frozenset[str]] = Remembered(_BELIEVED_S)

    def include(self, db: Database, workspace: str) -> bool:
        """Whether the workspace has a budget of its own; with too many to remember each counts as one of them."""
        names = self._names.value(lambda: _having(db))
        return workspace in names or len(names) >= _MOST

    def forget(self) -> None:
        """Look again the next time: something was changed here."""
        self._names.forget()


def _having(db: Database) -> frozenset[str]:
    with db.reading() as conn:
        return frozenset(budgets.having(conn, most=_MOST))
