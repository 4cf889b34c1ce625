"""Think over what is known about the peer a wake-up points to."""

from shared.backends import open_backends
from shared.queue.batch import BatchResult, SqsEvent, consume
from shared.reasoning.dream import dream
from shared.settings import load
from shared.telemetry.logs import configure

_settings = load()
configure(_settings.app.log_level, "dream")
backends = open_backends(_settings)


def lambda_handler(event: SqsEvent, context: object) -> BatchResult:
    return consume(event, lambda wake_up: dream(backends, wake_up), backends.queue)
