"""The scheduled visit: let collections dream, send what is due, index what stayed pending, forget what is too old.

An operator's orders are carried out here, too, with a visit after those that make something due.
"""

from functions import started
from shared.backends import open_backends
from shared.domain.errors import ServiceError
from shared.domain.order import Order
from shared.domain.work import TaskKind
from shared.memory import budgets, orders, retries, usage
from shared.memory.dreams import release_dreams
from shared.memory.indexing import tend_vectors
from shared.memory.relay import next_due, relay
from shared.memory.timer import rearm
from shared.memory.vector_upkeep import index_pending, remove_hidden
from shared.memory.work import give_up_parked
from shared.settings import load
from shared.store import gauges, index_state
from shared.telemetry import events, tracing
from shared.telemetry.logs import logger
from shared.telemetry.metrics import Metric, emit
from shared.telemetry.outlets import open_outlets

_settings = load()
outlets = open_outlets(_settings, "tick")
backends = open_backends(_settings)
started()


def lambda_handler(event: object, context: object) -> dict[str, object]:
    """How many wake-ups were sent, dreams begun and conclusions indexed, and when the next visit would be of use.

    After an order its answer, with that; an order that only shows something brings no visit.
    """
    with outlets.emptied(), tracing.entry("tick", None, {}):
        order = Order.read(event)
        if order is None:
            return _visit()
        told: dict[str, object] = {**orders.carry_out(backends, order)}
        return {**told, **_visit()} if order.makes_due else told


def _visit() -> dict[str, object]:
    began = backends.clock.now()
    _resume()
    sent = relay(backends)
    dreams = _released()
    indexed = _indexed()
    _measure(sent)
    retries.purge(backends)
    _roll_up()
    give_up_parked(backends)
    due = next_due(backends)
    # At the very end, and outside of every guard: a visit that fails is repeated by Lambda.
    rearm(backends, began=began)
    return {"sent": sent, "dreams": dreams, "indexed": indexed, "next_due_at": due.isoformat() if due else None}


def _resume() -> None:
    try:
        budgets.resume(backends)
    except ServiceError:
        # What waits for money can wait for the next visit, too.
        logger.exception("budgets_not_looked_at")


def _roll_up() -> None:
    try:
        usage.roll_up(backends)
    except ServiceError:
        logger.exception("usage_not_rolled_up")


def _released() -> int:
    try:
        return release_dreams(backends)
    except ServiceError:
        # They can wait for the next visit; what follows here should not.
        logger.exception("dreams_not_released")
        return 0


def _indexed() -> int:
    """Each step on its own: none must suffer from what another needs; the next visit tries again."""
    for step, failed in ((tend_vectors, "vectors_not_tended"), (remove_hidden, "hidden_vectors_not_removed")):
        try:
            step(backends)
        except ServiceError:
            logger.exception(failed)
    try:
        indexed = index_pending(backends)
    except ServiceError:
        logger.exception("conclusions_not_indexed")
        return 0
    if indexed:
        events.publish(events.VECTORS_SYNCED, events.run_id(), documents_synced=indexed)
    return indexed


def _measure(sent: int) -> None:
    """What an alarm looks at: a stalled scheduler is one that sends nothing, so missing data is bad news, too."""
    now = backends.clock.now()
    with backends.db.reading() as conn:
        found = gauges.work(conn, now)
        owed = index_state.gauge(conn, before=now - index_state.GRACE)
    # What an endpoint of a tenant refuses to take is not our backlog.
    ours = [gauge for gauge in found if gauge.kind != TaskKind.WEBHOOK]
    emit(
        {
            Metric.OLDEST_PENDING_AGE: max((gauge.oldest_pending_s for gauge in ours), default=0.0),
            Metric.PENDING_ITEMS: sum(gauge.pending for gauge in ours),
            Metric.PARKED_ITEMS: sum(gauge.parked for gauge in ours),
            Metric.WAKE_UPS_RELAYED: sent,
            Metric.UNINDEXED_CONCLUSIONS: owed.pending,
            Metric.REFUSED_CONCLUSIONS: owed.refused,
        }
    )
