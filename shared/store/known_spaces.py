"""Which embedding spaces workspaces have, without a look for each request."""

from typing import Final

from shared.store import space_choices
from shared.store.database import Database
from shared.store.remembered import Remembered
from shared.store.space_choices import SpaceChoice

# How long a look is believed. That late a switch is seen by readers: until then they read the former space, which is
# written until it is left, and left no sooner than readers know. Writers look again after each of their writes.
BELIEVED_S: Final = 10.0
_MOST: Final = 2000


class KnownSpaces:
    """What the database said within the last ten seconds."""

    def __init__(self, believed_s: float = BELIEVED_S) -> None:
        self._choices: Remembered[dict[str, SpaceChoice]] = Remembered(believed_s)

    def of(self, db: Database, workspace: str) -> SpaceChoice | None:
        """The workspace's choice; None where it has the space of the settings."""
        choices = self._choices.value(lambda: _some(db))
        if len(choices) < _MOST:
            return choices.get(workspace)
        # Too many to remember: each is looked up by its key.
        return self.now(db, workspace)

    def now(self, db: Database, workspace: str) -> SpaceChoice | None:
        """The same as it is at this moment."""
        with db.reading() as conn:
            return space_choices.get(conn, workspace)

    def forget(self) -> None:
        """Look again the next time: something was changed here."""
        self._choices.forget()


def _some(db: Database) -> dict[str, SpaceChoice]:
    with db.reading() as conn:
        return {choice.workspace: choice for choice in space_choices.some(conn, most=_MOST)}
