"""The timer of a database that sleeps: one schedule of EventBridge that fires once and is moved again and again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final, Protocol, cast

from shared.domain.errors import TimerUnavailable
from shared.queue.failures import name_of
from shared.settings.sections import TickSettings

# What belongs to the template. An update replaces the whole schedule: what is not given again is gone.
_KEPT: Final = ("Target", "FlexibleTimeWindow", "Description", "KmsKeyArn")
_NEVER: Final = datetime(2099, 12, 31, tzinfo=UTC)


class Timer(Protocol):
    """Brings `tick` once, where nothing else brings it."""

    @property
    def is_used(self) -> bool:
        """False where tick comes by itself, again and again: then nobody needs to know when it is wanted."""
        ...

    def set(self, at: datetime | None) -> None:
        """Have it come at `at`, a moment ahead of us in whole seconds, in place of what was set before.

        None: not before it is set again. Raises `TimerUnavailable`; then nobody knows what is set.
        """
        ...


class NoTimer:
    """Tick comes at a rate."""

    @property
    def is_used(self) -> bool:
        return False

    def set(self, at: datetime | None) -> None:
        """Nothing is asked to do this."""


class ScheduleTimer:
    """One schedule of EventBridge Scheduler, made by the template; only its time is ours.

    It fires within the minute after its time, and refuses a time that is past.
    """

    def __init__(self, settings: TickSettings) -> None:
        self._place = {"Name": settings.schedule, "GroupName": settings.schedule_group}
        self._client: _Scheduler | None = None
        self._kept: dict[str, Any] | None = None
        self._lock = Lock()

    @property
    def is_used(self) -> bool:
        return True

    def set(self, at: datetime | None) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        moment = _NEVER if at is None else at.astimezone(UTC)
        try:
            with self._lock:
                self._opened().update_schedule(
                    **self._place,
                    **self._as_made(),
                    ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
                    ScheduleExpressionTimezone="UTC",
                    State="DISABLED" if at is None else "ENABLED",
                )
        except (BotoCoreError, ClientError) as error:
            # A deploy may have changed what is kept.
            self._kept = None
            raise TimerUnavailable(name_of(error)) from error

    def _as_made(self) -> dict[str, Any]:
        if self._kept is None:
            found = self._opened().get_schedule(**self._place)
            self._kept = {name: found[name] for name in _KEPT if name in found}
        return self._kept

    def _opened(self) -> "_Scheduler":
        if self._client is None:
            self._client = _open_client()
        return self._client


class _Scheduler(Protocol):
    """What is called of the client of boto3."""

    def get_schedule(self, **values: str) -> Mapping[str, Any]: ...

    def update_schedule(self, **values: Any) -> object: ...


def open_timer(settings: TickSettings) -> Timer:
    """The timer of `settings`; boto3 is imported when it is set first."""
    return ScheduleTimer(settings) if settings.schedule else NoTimer()


def _open_client() -> _Scheduler:
    from boto3.session import Session
    from botocore.config import Config

    # Whoever sets it has a request to answer: one that hangs is given up early, and the sweep comes anyway.
    config = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})
    return cast("_Scheduler", Session().client("scheduler", config=config))  # pyright: ignore[reportUnknownMemberType] untyped
