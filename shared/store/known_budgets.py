"""Which workspaces have a budget of their own, without a look for each request."""

import threading
from time import monotonic
from typing import Final

from shared.store import budgets
from shared.store.database import Database

# How long a look is believed: a new budget is in force this much later at the latest. Workers see it at once.
_BELIEVED_S: Final = 30.0
_MOST: Final = 10_000


class KnownBudgets:
    """What the database said within the last half minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: frozenset[str] = frozenset()
        self._looked_at: float | None = None

    def include(self, db: Database, workspace: str) -> bool:
        """Whether the workspace has a budget of its own; with too many to remember each counts as one of them."""
        with self._lock:
            if self._looked_at is None or monotonic() - self._looked_at >= _BELIEVED_S:
                with db.reading() as conn:
                    self._names = frozenset(budgets.having(conn, most=_MOST))
                self._looked_at = monotonic()
            return workspace in self._names or len(self._names) >= _MOST

    def forget(self) -> None:
        """Look again the next time: something was changed here."""
        with self._lock:
            self._looked_at = None
