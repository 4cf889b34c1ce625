"""`flush`: what waits for fuller batches, for its pause or for its hour is done now."""

import argparse

from infra.tools.orders.reach import Send, add_place, told
from shared.domain.order import Order


def flush(argv: list[str]) -> int:
    """Make waiting work due now."""
    parser = argparse.ArgumentParser(
        prog="python3 -m infra flush", description="Do the waiting work now, without waiting for fuller batches."
    )
    parser.add_argument("--workspace", help="only the work of this workspace")
    add_place(parser)
    arguments = parser.parse_args(argv)
    return told(arguments, lambda send: _flush(send, arguments.workspace))


def _flush(send: Send, workspace: str | None) -> int:
    count = int(send(Order("flush", workspace))["count"])
    units = "1 waiting unit" if count == 1 else f"{count} waiting units"
    print(f"{units} of {workspace or 'every workspace'} made due now." if count else "Nothing waits.")
    return 0
