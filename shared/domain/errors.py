"""What can go wrong, as one tree. The class decides the fate of a request and of a work item.

ServiceError
├ Invalid            422; recorded on the work item, never tried again
│ ├ NameInvalid
│ ├ FilterError
│ ├ KeyReused
│ ├ TooLarge         413
│ └ UnsupportedType  415
├ NotFound           404
├ Conflict           409
│ └ StillRunning     with a time to come back
├ LimitExceeded      400
├ Unauthorized       401, authentication and authorization alike
├ Disabled           405
├ ModelRefused
│ └ AnswerDeclined
├ BudgetExhausted    402; work waits for the next period
└ Unavailable        503; the unit's due time moves
  ├ ModelUnavailable, AnswerUnreadable, AnswerTooLate, AnswerPending
  ├ IndexUnavailable, QueueUnavailable, TimerUnavailable, DatabaseUnavailable
  │ └ IndexRefused
  └ OutOfTime
"""

from datetime import datetime
from decimal import Decimal


class ServiceError(Exception):
    """The request could not be served."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Invalid(ServiceError):
    """The request is not valid."""


class NameInvalid(Invalid):
    """The name is not valid."""


class FilterError(Invalid):
    """The filter is not valid."""


class KeyReused(Invalid):
    """The Idempotency-Key was used for another request before."""


class TooLarge(Invalid):
    """The content is too large."""


class UnsupportedType(Invalid):
    """Files of this type are not supported."""


class NotFound(ServiceError):
    """There is no such thing."""


class Conflict(ServiceError):
    """The request conflicts with what is stored."""


class StillRunning(Conflict):
    """The first request with this Idempotency-Key is still running."""

    retry_after_s = 1.0


class LimitExceeded(ServiceError):
    """A limit would be exceeded."""


class Unauthorized(ServiceError):
    """The key does not allow this."""


class Disabled(ServiceError):
    """This feature is switched off."""


class BudgetExhausted(ServiceError):
    """The budget of the workspace has no room for this.

    There is some from `until` on, or earlier for who needs no more than `needed` dollars. None: nobody can tell.
    """

    def __init__(self, message: str, *, until: datetime, needed: Decimal | None) -> None:
        super().__init__(message)
        self.until = until
        self.needed = needed


class Unavailable(ServiceError):
    """A part of the service cannot be reached; try again later."""

    retry_after_s: float | None = None

    def __init__(self, message: str | None = None, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ModelUnavailable(Unavailable):
    """The model cannot be reached."""


class ModelRefused(ServiceError):
    """The provider of the model refuses requests: a wrong key, model or parameter, which `infra doctor` names."""


class AnswerDeclined(ModelRefused):
    """The model declines to answer."""


class AnswerUnreadable(Unavailable):
    """The model's answer could not be parsed."""


class IndexUnavailable(Unavailable):
    """The vector index cannot be reached."""


class IndexRefused(IndexUnavailable):
    """The vector index does not take what it was given. Other vectors may fare better."""


class QueueUnavailable(Unavailable):
    """The queue cannot be reached."""


class TimerUnavailable(Unavailable):
    """The timer cannot be set."""


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached."""


class OutOfTime(Unavailable):
    """The run ended before the work did; the rest comes with the next one."""


class AnswerTooLate(Unavailable):
    """The request took too long for its answer to arrive, and nothing was changed."""


class AnswerPending(Unavailable):
    """The same messages were written a moment ago, and it is not known yet whether their answer arrived."""


def cause_of(error: Exception) -> str:
    """What went wrong, as a log may have it: a status, a name of a model, but nothing that users or others said.

    Only the texts of what cannot be reached, or refuses us, are written for operators; others may name a peer.
    """
    return f"{type(error).__name__}: {error}" if isinstance(error, Unavailable | ModelRefused) else type(error).__name__
