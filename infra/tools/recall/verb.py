"""`bench recall`: recall, abstention and answers over the labelled world, as a table."""

import argparse
import asyncio
import json
import sys
import time
import uuid
from dataclasses import asdict
from pathlib import Path

import httpx

from infra.tools.load_target import LoadFailed, target
from infra.tools.recall.measure import DEPTHS, Measurement, RecallFailed, Score
from infra.tools.recall.world import KINDS, Kind, build


def recall(argv: list[str]) -> int:
    """Tell a labelled world of 3,000 messages to the memory, ask 300 questions, and print what it found again."""
    arguments = _parser().parse_args(argv)
    try:
        with target(arguments.base_url, arguments.data) as server:
            scores = asyncio.run(_run(server.base_url, arguments))
    except (LoadFailed, RecallFailed, httpx.HTTPError) as failed:
        print(failed, file=sys.stderr)
        return 1
    _print(scores)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({kind: asdict(score) for kind, score in scores.items()}, indent=1))
    return 0


async def _run(base_url: str, arguments: argparse.Namespace) -> dict[Kind, Score]:
    world = build(arguments.seed)
    workspace = f"recall-{uuid.uuid4().hex[:8]}"
    print(f"{base_url}, workspace {workspace}: {len(world.messages)} messages, {len(world.questions)} questions")
    begun = time.monotonic()

    def show(left: int) -> None:
        print(f"\r  thinking, {left} work items left, {time.monotonic() - begun:.0f} s ", end="", flush=True)

    async with Measurement(base_url, workspace, world, level=arguments.level) as measurement:
        await measurement.tell()
        await measurement.settle(show)
        print(f"\n  asking at level {arguments.level} ...", flush=True)
        asking = time.monotonic()
        scores = await measurement.ask()
        print(f"  answered in {time.monotonic() - asking:.0f} s\n")
    return scores


def _print(scores: dict[Kind, Score]) -> None:
    heads = [f"{what} @{depth}" for what in ("search", "conclusions") for depth in DEPTHS]
    print(f"{'questions':<14}" + "".join(f"{head:>16}" for head in (*heads, "right answers", "abstained")))
    told = [kind for kind in KINDS if kind != "absent"]
    for name, kinds in (*((kind, [kind]) for kind in KINDS), ("all but absent", told)):
        parts = [scores[kind] for kind in kinds if kind in scores]
        count = sum(part.questions for part in parts)
        sums = [sum(part.found[d] for part in parts) for d in DEPTHS]
        sums += [sum(part.remembered[d] for part in parts) for d in DEPTHS]
        cells = ["-" if name == "absent" else f"{one / count:.2f}" for one in sums]
        cells += [f"{sum(getattr(part, what) for part in parts) / count:.2f}" for what in ("right", "abstained")]
        print(f"{name:<14}" + "".join(f"{cell:>16}" for cell in cells))


def _parser() -> argparse.ArgumentParser:
    from infra.bootstrap import ROOT

    parser = argparse.ArgumentParser(prog="python3 -m infra bench recall", description=recall.__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the world (default 1)")
    parser.add_argument("--level", default="low", help="reasoning level of the questions (default low)")
    parser.add_argument("--base-url", help="a server that runs (default: a new stack in a temporary folder)")
    parser.add_argument("--data", type=Path, default=ROOT / ".dev", help="data folder of that server")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    return parser
