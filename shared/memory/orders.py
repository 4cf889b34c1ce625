"""Carrying out what an operator orders: inside the network and with the rights of the function that is asked."""

from dataclasses import asdict
from datetime import datetime
from typing import Final

from shared.backends import Backends
from shared.domain.json import JsonObject
from shared.domain.order import Order
from shared.memory.timer import arm
from shared.store import repair, revocations, status
from shared.store.database import Connection
from shared.telemetry.logs import logger

# An answer of Lambda holds 6 MB; nobody reads more than this of either.
MOST_UNITS: Final = 20
MOST_PARKED: Final = 1000


def carry_out(backends: Backends, order: Order) -> JsonObject:
    """What is shown, or how much was moved. Whatever that made due has a visit, even if nobody makes one now.

    The answer names the order: a release that knows none answers without.
    """
    if order.key is not None:
        with backends.db.reading() as conn:
            was_valid = revocations.add(conn, order.key, backends.clock.now())
        logger.info("order_carried_out", order=order.kind, count=int(was_valid))
        return {"order": order.kind, "was_valid": was_valid}
    if not order.makes_due:
        with backends.db.reading() as conn:
            return {"order": order.kind, **_shown(conn, order, backends.clock.now())}
    count = backends.db.run(lambda conn: _moved(conn, order, backends.clock.now()))
    arm(backends)
    logger.info("order_carried_out", order=order.kind, count=count)
    return {"order": order.kind, "count": count}


def _shown(conn: Connection, order: Order, now: datetime) -> JsonObject:
    parked = status.parked(conn, workspace=order.workspace, most=MOST_PARKED)
    if order.kind == "parked":
        return {"parked": [_plain(asdict(one)) for one in parked]}
    units = status.waiting(conn, now=now, most=MOST_UNITS + 1)
    return {"now": now.isoformat(), "units": [_plain(asdict(one)) for one in units], "parked": len(parked)}


def _moved(conn: Connection, order: Order, now: datetime) -> int:
    if order.kind == "flush":
        return repair.flush(conn, workspace=order.workspace, now=now)
    if order.kind == "retry":
        return repair.retry_parked(conn, order.workspace, order.unit, now=now)
    return repair.drop_parked(conn, order.workspace or "", order.unit, now=now)


def _plain(row: dict[str, object]) -> JsonObject:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}  # type: ignore[misc]
