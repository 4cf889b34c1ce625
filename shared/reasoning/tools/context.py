"""What the tools of the memory work on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shared.backends import Backends
from shared.domain.conclusion import Collection
from shared.domain.vector import Vector
from shared.store import members


@dataclass(frozen=True, slots=True)
class ToolContext:
    """Whose memory is read, and which part of it.

    `session` pins the messages to one session; `sessions` is the list a caller is limited to, None when it is
    not. `shown` are the ids of conclusions the model has before it for good; `vectors` are those of queries
    that were embedded already.
    """

    backends: Backends
    collection: Collection
    session: str | None = None
    sessions: tuple[str, ...] | None = None
    shown: frozenset[str] = frozenset()
    vectors: Mapping[str, Vector] = field(default_factory=dict[str, Vector])

    def message_sessions(self) -> list[str]:
        """The sessions whose messages may be read: none at all when the restrictions exclude each other."""
        if self.session is not None:
            visible = [self.session]
        else:
            with self.backends.db.reading() as conn:
                visible = members.sessions_of(conn, self.collection.workspace, self.collection.observer)
        return visible if self.sessions is None else [session for session in visible if session in self.sessions]


def clamped(default: int, most: int) -> Callable[[object], int]:
    """A reader of counts: `default` instead of what is no number, 1 to `most` for the rest.

    A turn is worth more than a rebuke: models ask for "all" or for a thousand, and mean "many".
    """

    def read(given: object) -> int:
        try:
            number = int(given) if isinstance(given, str | int | float) else default
        except (ValueError, OverflowError):
            number = default
        return min(max(number, 1), most)

    return read
