"""The `bench` verb: how much the service takes, that nothing is lost of it, and what it does with too much."""

import argparse
import asyncio
import json
import os
import sys
import uuid
from pathlib import Path

from infra.bootstrap import ROOT
from infra.tools.load_run import LoadRun, Phase, Seen
from infra.tools.load_target import LoadFailed, Target, target

_DRAIN_PATIENCE_S = 1800.0
_MARKS = {"p50": 0.5, "p95": 0.95, "max": 1.0}


def bench(argv: list[str]) -> int:
    """Write for a while, drain, count; then the same with many times the writers.

    `recall` measures quality instead, and `search` how long a search takes among very many messages.
    """
    if argv[:1] == ["recall"]:
        from infra.tools.recall.verb import recall

        return recall(argv[1:])
    if argv[:1] == ["search"]:
        from infra.tools.crowd.verb import search

        return search(argv[1:])
    arguments = _parser().parse_args(argv)
    try:
        with target(arguments.base_url, arguments.data) as server:
            return asyncio.run(_bench(arguments, server))
    except LoadFailed as failed:
        print(failed, file=sys.stderr)
        return 1


async def _bench(arguments: argparse.Namespace, server: Target) -> int:
    workspace = f"bench-{uuid.uuid4().hex[:8]}"
    run = LoadRun(server.base_url, workspace, arguments.sessions)
    print(f"{server.base_url}, workspace {workspace}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    phases: list[Phase] = []
    for writers in (arguments.writers, arguments.writers * arguments.times):
        print(f"\n{writers} writers over {arguments.sessions} sessions for {arguments.seconds:.0f} s ...", flush=True)
        before = run.count
        phase = await run.load(writers=writers, readers=arguments.readers, seconds=arguments.seconds)
        _show("writes", phase.writes, phase.seconds)
        _show("reads", phase.reads, phase.seconds)
        phase.drain_s = await run.drain(patience_s=_DRAIN_PATIENCE_S)
        whole_s = phase.seconds + phase.drain_s
        derived = run.count - before
        print(f"  derived {derived} messages, the last {phase.drain_s:.1f} s after: {derived / whole_s:.0f}/s over all")
        phases.append(phase)
    lost = await run.lost()
    broken = _broken_rules(server, workspace)
    failed = sum(phase.writes.failed + phase.reads.failed for phase in phases)
    print(f"\nacknowledged {run.count} messages, lost {len(lost)}, failed requests {failed}")
    print(f"each derived exactly once: {'not looked at (no database known)' if broken is None else not broken}")
    for rule, rows in (broken or {}).items():
        print(f"  {rule}: {len(rows)}, for example {rows[0]}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([_figures(phase) for phase in phases], indent=1))
    return 1 if lost or broken or failed else 0


def _figures(phase: Phase) -> dict[str, object]:
    seen = {"writes": phase.writes, "reads": phase.reads}
    return {
        "writers": phase.writers,
        "seconds": phase.seconds,
        "drain_s": phase.drain_s,
        **{name: {"took_ms": one.took_ms, "refused": dict(one.refused)} for name, one in seen.items()},
    }


def _show(what: str, seen: Seen, seconds: float) -> None:
    good, asked = len(seen.took_ms), len(seen.took_ms) + seen.refused.total()
    marks = "   ".join(f"{name} {seen.percentile(share):7.1f} ms" for name, share in _MARKS.items())
    print(f"  {what:<7} {good / seconds:7.1f}/s   {marks}   {seen.shed} of {asked} sent away (429)", flush=True)
    for status, count in sorted(seen.refused.items()):
        if status != "429":
            print(f"          {count} answered {status}")


def _broken_rules(server: Target, workspace: str) -> dict[str, list[tuple[object, ...]]] | None:
    from infra.tools.derivations import broken_rules

    return None if server.dsn is None else broken_rules(server.dsn, workspace)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m infra bench", description=bench.__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of the two stretches (default 60)")
    parser.add_argument("--writers", type=int, default=16, help="at once, in the first stretch (default 16)")
    parser.add_argument("--readers", type=int, default=2, help="beside them, in both (default 2)")
    parser.add_argument("--sessions", type=int, default=200, help="that are written to (default 200)")
    parser.add_argument("--times", type=int, default=5, help="as many writers in the second stretch (default 5)")
    parser.add_argument("--base-url", help="a server that runs (default: a new stack in a temporary folder)")
    parser.add_argument("--data", type=Path, default=ROOT / ".dev", help="data folder of that server, to look into")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    return parser
