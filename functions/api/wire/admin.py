"""Background work on the wire."""

from typing import Self

from functions.api.wire.fields import Wire
from shared.domain import status
from shared.domain.status import Counts


class SessionQueueStatus(Wire):
    """The work of one session."""

    session_id: str
    total_work_units: int
    completed_work_units: int
    in_progress_work_units: int
    pending_work_units: int

    @classmethod
    def of(cls, session: str, counts: Counts) -> Self:
        return cls(session_id=session, **_fields(counts))


class QueueStatus(Wire):
    """All work, and that of each session; `sessions` is null when one was asked for or there is none."""

    total_work_units: int
    completed_work_units: int
    in_progress_work_units: int
    pending_work_units: int
    sessions: dict[str, SessionQueueStatus] | None

    @classmethod
    def of(cls, found: status.QueueStatus, *, by_session: bool) -> Self:
        sessions = {name: SessionQueueStatus.of(name, counts) for name, counts in found.sessions.items()}
        return cls(**_fields(found.total), sessions=sessions if by_session and sessions else None)


class Accepted(Wire):
    """The request was accepted and is being carried out."""

    message: str


def _fields(counts: Counts) -> dict[str, int]:
    return {
        "total_work_units": counts.total,
        "completed_work_units": counts.completed,
        "in_progress_work_units": counts.in_progress,
        "pending_work_units": counts.pending,
    }
