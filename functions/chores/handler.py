"""Make the messages a wake-up points to findable."""

from shared.backends import open_backends
from shared.memory.indexing import index_messages
from shared.queue.batch import BatchResult, SqsEvent, consume
from shared.settings import load
from shared.telemetry.logs import configure

_settings = load()
configure(_settings.app.log_level, "chores")
backends = open_backends(_settings)


def lambda_handler(event: SqsEvent, context: object) -> BatchResult:
    return consume(event, lambda wake_up: index_messages(backends, wake_up))
