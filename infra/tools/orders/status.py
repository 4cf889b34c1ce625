"""`status`: what runs here, or what waits in a stack on AWS, and why."""

import argparse
from datetime import datetime
from typing import Any, cast

from infra.local import commands, pending
from infra.tools.orders.reach import Send, add_place, is_remote, told
from shared.domain.order import Order
from shared.domain.status import WaitingUnit


def status(argv: list[str]) -> int:
    """Show what runs and what waits."""
    parser = argparse.ArgumentParser(
        prog="python3 -m infra status",
        description="Show what runs and what waits; of a stack on AWS what waits, and why (this wakes its database).",
    )
    add_place(parser)
    arguments = parser.parse_args(argv)
    return told(arguments, _pending) if is_remote(arguments) else commands.status(arguments.data)


def _pending(send: Send) -> int:
    found = send(Order("pending"))
    units = [_unit(one) for one in cast(list[dict[str, Any]], found["units"])]
    print(pending.lines(units, int(found["parked"]), datetime.fromisoformat(found["now"])))
    return 0


def _unit(row: dict[str, Any]) -> WaitingUnit:
    moments = {name: _moment(row[name]) for name in ("due_at", "oldest_at")}
    return WaitingUnit(**cast(dict[str, Any], {**row, **moments}))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
