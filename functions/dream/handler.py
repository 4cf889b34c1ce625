"""Think over what is known about the peer a wake-up points to."""

from datetime import timedelta
from typing import Protocol

from functions import started
from shared.backends import open_backends
from shared.queue.batch import BatchResult, SqsEvent, consume
from shared.reasoning.dream import dream
from shared.settings import load
from shared.telemetry.outlets import open_outlets

_settings = load()
outlets = open_outlets(_settings, "dream")
backends = open_backends(_settings)
started()


class Context(Protocol):
    """What Lambda says of this call."""

    def get_remaining_time_in_millis(self) -> int: ...


def lambda_handler(event: SqsEvent, context: Context) -> BatchResult:
    lasts = timedelta(milliseconds=context.get_remaining_time_in_millis())
    with outlets.emptied():
        return consume(event, lambda wake_up: dream(backends, wake_up, lasts=lasts), backends.queue)
