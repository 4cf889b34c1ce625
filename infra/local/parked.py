"""`parked list|retry|drop`: the work that was set aside, and what becomes of it."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from infra.local import state
from infra.local.commands import ROOT
from shared.store import repair, status

_MOST = 1000


def parked(argv: list[str]) -> int:
    """Show, put back to work, or give up what was parked."""
    arguments = _parser().parse_args(argv)
    stack = state.running(arguments.data.absolute())
    if stack is None:
        print("No stack is running: start one with 'python3 -m infra up'.", file=sys.stderr)
        return 1
    with psycopg.connect(stack.dsn) as conn:
        match arguments.order:
            case "list":
                _list(conn, arguments.workspace)
            case "retry":
                count = repair.retry_parked(conn, arguments.workspace, arguments.unit, now=datetime.now(UTC))
                print(f"{count} items are tried again, within a second.")
            case _:
                count = repair.drop_parked(conn, arguments.workspace, arguments.unit, now=datetime.now(UTC))
                print(f"{count} items were given up.")
    return 0


def _list(conn: psycopg.Connection, workspace: str | None) -> None:
    items = status.parked(conn, workspace=workspace, most=_MOST)
    for item in items:
        when = item.parked_at.strftime("%Y-%m-%d %H:%M:%S") if item.parked_at else "?"
        print(
            f"{when}  {item.workspace}  {item.unit}  message {item.message_id}  attempts {item.attempts}: {item.error}"
        )
    if not items:
        print("Nothing is parked.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra parked",
        description="Work that failed again and again is parked with its error, so that the rest goes on.",
    )
    parser.add_argument("--data", type=Path, default=ROOT / ".dev", help="data folder (default .dev)")
    orders = parser.add_subparsers(dest="order", required=True)
    listing = orders.add_parser("list", help="show what is parked, and why")
    listing.add_argument("--workspace", help="only of this workspace")
    for name, help_text in (("retry", "put parked items back to work"), ("drop", "give parked items up")):
        order = orders.add_parser(name, help=help_text)
        order.add_argument("--workspace", required=True)
        order.add_argument("--unit", help="only this unit, as 'parked list' shows it (default: all)")
    return parser
