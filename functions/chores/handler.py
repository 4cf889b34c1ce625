"""Small work beside reasoning: make messages findable, forget and erase, keep scopes in line, deliver to webhooks."""

from functools import partial

from functions import started
from shared.backends import open_backends
from shared.domain.work import TaskKind, WakeUp
from shared.memory.backfill import reconcile
from shared.memory.deliver import deliver
from shared.memory.erase import erase
from shared.memory.forget import forget
from shared.memory.gather import gather
from shared.memory.indexing import index_messages
from shared.queue.batch import BatchResult, SqsEvent, by_group, consume
from shared.settings import load
from shared.telemetry.outlets import open_outlets

_settings = load()
outlets = open_outlets(_settings, "chores")
backends = open_backends(_settings)
started()


def lambda_handler(event: SqsEvent, context: object) -> BatchResult:
    deliveries, others = by_group(event, TaskKind.WEBHOOK)
    with outlets.emptied():
        # At the same time: an endpoint may take half a minute to say nothing, and nobody else shall wait for it.
        results = gather(
            lambda: consume(others, _do, backends.queue),
            *(partial(consume, delivery, partial(deliver, backends), backends.queue) for delivery in deliveries),
        )
    return {"batchItemFailures": [failure for result in results for failure in result["batchItemFailures"]]}


def _do(wake_up: WakeUp) -> None:
    match wake_up.unit.kind:
        case TaskKind.SCOPE:
            reconcile(backends, wake_up)
        case TaskKind.FORGET:
            forget(backends, wake_up)
        case TaskKind.ERASE:
            erase(backends, wake_up)
        case _:
            index_messages(backends, wake_up)
