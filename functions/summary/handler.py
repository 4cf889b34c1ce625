"""Summarize the session a wake-up points to."""

from functions import started
from shared.backends import open_backends
from shared.queue.batch import BatchResult, SqsEvent, consume
from shared.reasoning.summarize import summarize
from shared.settings import load
from shared.telemetry.outlets import open_outlets

_settings = load()
outlets = open_outlets(_settings, "summary")
backends = open_backends(_settings)
started()


def lambda_handler(event: SqsEvent, context: object) -> BatchResult:
    with outlets.emptied():
        return consume(event, lambda wake_up: summarize(backends, wake_up), backends.queue)
