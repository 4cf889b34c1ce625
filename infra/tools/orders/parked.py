"""`parked list|retry|drop`: the work that was set aside, and what becomes of it."""

import argparse
import sys
from datetime import UTC, datetime
from typing import Any, cast

from infra.tools.orders.reach import Send, add_place, told
from shared.domain.order import Order, OrderKind


def parked(argv: list[str]) -> int:
    """Show, put back to work, or give up what was parked."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.order == "retry" and arguments.all and arguments.unit:
        parser.error("--unit is one of a workspace: give --workspace")
    run = _list if arguments.order == "list" else _settle
    return told(arguments, lambda send: run(send, arguments))


def _list(send: Send, arguments: argparse.Namespace) -> int:
    items = cast(list[dict[str, Any]], send(Order("parked", arguments.workspace))["parked"])
    for item in items:
        print(_line(item))
    if not items:
        print("Nothing is parked.")
    return 0


def _line(item: dict[str, Any]) -> str:
    at = item["parked_at"]
    when = f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at else "?"
    # Only an item of messages is about one of them.
    about = f"  message {item['message_id']}" if item["message_id"] else ""
    return f"{when}  {item['workspace']}  {item['unit']}{about}  attempts {item['attempts']}: {item['error']}"


def _settle(send: Send, arguments: argparse.Namespace) -> int:
    order = Order(cast(OrderKind, arguments.order), arguments.workspace, arguments.unit)
    count = int(send(order)["count"])
    if not count:
        whole = f"workspace {order.workspace}" if order.workspace else "any workspace"
        where = f"unit {order.unit} of {order.workspace}" if order.unit else whole
        print(f"Nothing is parked in {where}: `python3 -m infra parked list` shows what is.", file=sys.stderr)
        return 1
    items = "1 item" if count == 1 else f"{count} items"
    print(f"{items} put back to work." if order.kind == "retry" else f"{items} given up.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra parked",
        description="Work that failed again and again is parked with its error, so that the rest goes on.",
    )
    add_place(parser)
    orders = parser.add_subparsers(dest="order", required=True)
    listing = orders.add_parser("list", help="show what is parked, and why")
    listing.add_argument("--workspace", help="only of this workspace")
    add_place(listing, is_below=True)
    retry = orders.add_parser("retry", help="put parked items back to work")
    which = retry.add_mutually_exclusive_group(required=True)
    which.add_argument("--workspace", help="those of this workspace")
    which.add_argument("--all", action="store_true", help="those of every workspace: after a key was put right, say")
    drop = orders.add_parser("drop", help="give parked items up")
    drop.add_argument("--workspace", required=True)
    for order in (retry, drop):
        order.add_argument("--unit", help="only this unit, as 'parked list' shows it (default: all)")
        add_place(order, is_below=True)
    return parser
