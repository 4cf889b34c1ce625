"""`usage`: what calls of models took and cost, as a table that a person likes to read."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import psycopg

from infra.bootstrap import ROOT
from infra.local import state
from infra.local.state import Refused
from shared.domain.clock import iso_z
from shared.domain.errors import Invalid
from shared.domain.usage import GROUPINGS, Totals, Usage
from shared.memory import usage as reported
from shared.settings import load
from shared.settings.sources import SettingsInvalid

_HEAD: Final = ("calls", "failed", "input", "cached", "output", "thinking", "mean ms", "US dollars")


def usage(argv: list[str]) -> int:
    """Sum what calls of models took and cost, of one workspace or of all."""
    arguments = _parser().parse_args(argv)
    try:
        stack = state.expected(arguments.data.absolute())
        now, kept_days = datetime.now(UTC), load(folder=ROOT).usage.retention_days
    except (Refused, SettingsInvalid) as refused:
        print(refused, file=sys.stderr)
        return 1
    try:
        since, until = reported.period(arguments.since, arguments.until, now=now, kept_days=kept_days)
    except Invalid as error:
        print(f"{error}.", file=sys.stderr)
        return 2
    with psycopg.connect(stack.dsn) as conn:
        found = reported.report(conn, arguments.workspace, since, until, arguments.by)
    print(as_json(found) if arguments.json else table(found, arguments.by, arguments.workspace))
    return 0


def table(found: Usage, by: str, workspace: str | None) -> str:
    """The groups, their sum, and what is missing in it."""
    lines = [f"{workspace or 'all workspaces'}, {iso_z(found.since)} to {iso_z(found.until)}"]
    if not found.total.calls:
        return "\n".join([*lines, "No model was called."])
    rows = [(by, *_HEAD), *(_cells(key, sums) for key, sums in found.groups.items()), _cells("total", found.total)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines += ["", *(_line(row, widths) for row in rows[:-1]), "-" * (sum(widths) + 2 * len(widths) - 2)]
    lines.append(_line(rows[-1], widths))
    if found.unpriced_models:
        names = ", ".join(found.unpriced_models)
        lines += ["", f"Without a price, and so not in the sum: {found.total.unpriced_calls} calls of {names}."]
        lines.append("USAGE_PRICES_FILE gives them one.")
    return "\n".join(lines)


def as_json(found: Usage) -> str:
    """The same for machines; dollars as text, to the last digit."""
    return json.dumps(
        {
            "from": iso_z(found.since),
            "to": iso_z(found.until),
            "total": _plain(found.total),
            "groups": {key: _plain(sums) for key, sums in found.groups.items()},
            "unpriced_models": found.unpriced_models,
        },
        indent=2,
    )


def money(amount: Decimal) -> str:
    """Cents, and as much beyond them as it takes to tell a small amount from nothing."""
    if amount >= 1 or amount == 0:
        return f"{amount:,.2f}"
    return f"{amount:.4f}" if amount >= Decimal("0.001") else f"{amount:.7f}"


def _plain(sums: Totals) -> dict[str, object]:
    return {**asdict(sums), "usd": f"{sums.usd:f}"}


def _cells(key: str, sums: Totals) -> tuple[str, ...]:
    tokens = sums.tokens
    counts = (sums.calls, sums.failed_calls, tokens.input, tokens.cached, tokens.output, tokens.thinking)
    return (key, *(f"{count:,}" for count in counts), f"{sums.mean_latency_ms:,}", money(sums.usd))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra usage",
        description="What calls of models took and cost, this month unless a time is named.",
    )
    parser.add_argument("--data", type=Path, default=state.USUAL, help="data folder (default .dev)")
    parser.add_argument("--workspace", help="only this workspace (default: all)")
    parser.add_argument("--from", dest="since", help="ISO date or time in UTC (default: the first of the month)")
    parser.add_argument("--to", dest="until", help="ISO date or time in UTC, itself not included (default: now)")
    parser.add_argument("--by", choices=GROUPINGS, default="feature", help="the rows of the table (default feature)")
    parser.add_argument("--json", action="store_true", help="print JSON, with dollars to the last digit")
    return parser
