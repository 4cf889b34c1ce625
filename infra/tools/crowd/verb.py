"""`bench search`: how long searches take among as many messages as one likes, as a table."""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.bootstrap import ROOT
from infra.tools.crowd.talk import Talk

if TYPE_CHECKING:
    from infra.tools.crowd.meaning import Meaning
    from shared.domain.vector import EmbeddingSpace

_QUESTIONS: Final = 43
# Measured on two busy cores with 1,536 dimensions: messages written a second, and put into the graph.
_FILLED_PER_S, _GRAPHED_PER_S = 1000, 1700
_BYTES_PER_DIMENSION, _OTHER_BYTES = 2.6, 2700


def search(argv: list[str]) -> int:
    """Fill a database of its own with made-up messages, search it through the API, and print how long that took."""
    arguments = _parser().parse_args(argv)
    # Words and tokens come from the tokenizer's file that the repository brings.
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(ROOT / "layers" / "models" / "encodings"))
    talk = Talk(arguments.messages)
    minutes = (arguments.messages / _FILLED_PER_S + arguments.messages / _GRAPHED_PER_S) / 60
    size = arguments.messages * (arguments.dimensions * _BYTES_PER_DIMENSION + _OTHER_BYTES)
    print(
        f"{arguments.messages:,} messages of {arguments.dimensions} dimensions:"
        f" about {minutes:.0f} minutes on two cores, and {size / 1e9:.1f} GB",
        flush=True,
    )
    with _folder(arguments.data) as data:
        _fill(data, talk, arguments.dimensions)
        report = _measure(data, talk, arguments)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=1))
    return 0


@contextmanager
def _folder(data: Path | None) -> Generator[Path]:
    """The folder that was named, which is kept, or one that is gone afterwards."""
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="honcho-crowd-") as folder:
        # Postgres runs under another account when we are root.
        Path(folder).chmod(0o755)
        yield Path(folder)


def _fill(data: Path, talk: Talk, dimensions: int) -> None:
    import psycopg

    from infra.local.postgres import EmbeddedPostgres
    from infra.migrations import apply
    from infra.tools.crowd import fill
    from infra.tools.crowd.meaning import Meaning

    begun = time.monotonic()
    first: list[tuple[int, float]] = []

    def show(done: int) -> None:
        first.append((done, time.monotonic() - begun))
        per_s = (done - first[0][0]) / max(1e-9, first[-1][1] - first[0][1])
        left = f", {(talk.messages - done) / per_s / 60:.0f} minutes left" if per_s else ""
        print(f"\r  {done:,} written, {time.monotonic() - begun:.0f} s{left}      ", end="", flush=True)

    with EmbeddedPostgres(data / "postgres", careless=True) as postgres:
        owner = postgres.dsn("owner")
        space = _space(dimensions)
        apply.upgrade(owner)
        apply.ensure_space(owner, space)
        with psycopg.connect(owner, autocommit=True) as conn:
            fill.fill(conn, talk, Meaning(dimensions), space, show)
            print(f"\n  filled in {time.monotonic() - begun:.0f} s; building the graph ...", flush=True)
            took = fill.build_graphs(conn)
            print(f"  built in {took:.0f} s; {fill.size_of(conn) / 1e9:.1f} GB", flush=True)


def _measure(data: Path, talk: Talk, arguments: argparse.Namespace) -> dict[str, object]:
    from infra.local.stack import Stack
    from infra.tools.crowd import measure
    from infra.tools.crowd.meaning import MODEL, Meaning, MeaningServer

    meaning = Meaning(arguments.dimensions)
    questions = talk.questions(_QUESTIONS)
    with MeaningServer(meaning) as server:
        settings = {
            "LLM_OPENAI_COMPATIBLE_BASE_URL": server.base_url,
            "LLM_OPENAI_COMPATIBLE_API_KEY": "none",
            "LLM_DEFAULT_MODEL": "none",
            "LLM_EMBEDDING_PROVIDER": "custom",
            "LLM_EMBEDDING_MODEL": MODEL,
            "VECTOR_STORE_DIMENSIONS": str(arguments.dimensions),
        }
        with Stack(data, settings_env=settings) as stack:
            taken = measure.ask(stack.base_url, questions)
            _print({name: one.took_ms for name, one in taken.items()})
            seen = _recall(stack.dsn, meaning, questions[: arguments.recall])
    return {"took_ms": {name: one.took_ms for name, one in taken.items()}, "recall": seen}


def _recall(dsn: str, meaning: "Meaning", questions: list[str]) -> dict[int, float]:
    from infra.tools.crowd import measure
    from shared.settings.sections import DbSettings
    from shared.store.database import open_database
    from shared.vectors.pg import PgIndex

    if not questions:
        return {}
    db, space = open_database(DbSettings.model_validate({"connection_uri": dsn})), _space(meaning.dimensions)
    with db.reading() as conn:
        seen = measure.recall(conn, PgIndex(db, lambda: space), meaning, space, questions)
    db.close()
    shares = ", ".join(f"{share:.3f} of {depth}" for depth, share in seen.items())
    print(f"\nof the nearest messages of the workspace the index finds {shares} ({len(questions)} questions)")
    return seen


def _space(dimensions: int) -> "EmbeddingSpace":
    from infra.tools.crowd.meaning import MODEL
    from shared.domain.vector import EmbeddingSpace

    return EmbeddingSpace(f"custom/{MODEL}", dimensions)


def _print(taken: dict[str, list[float]]) -> None:
    marks = {"min": 0.0, "p25": 0.25, "p50": 0.5, "p95": 0.95}
    print(f"\n{'searched':<28}" + "".join(f"{mark + ' ms':>10}" for mark in marks))
    for name, took_ms in taken.items():
        ordered = sorted(took_ms)
        cells = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in marks.values()]
        print(f"{name:<28}" + "".join(f"{cell:>10.1f}" for cell in cells), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m infra bench search", description=search.__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="how many (default 1000000)")
    parser.add_argument("--dimensions", type=int, default=1536, help="of their vectors (default 1536)")
    parser.add_argument("--recall", type=int, default=5, help="questions that are also answered exactly (default 5)")
    parser.add_argument(
        "--data", type=Path, help="a folder that is kept: a run that broke off goes on there (default: a temporary one)"
    )
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    return parser
