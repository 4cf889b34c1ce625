"""`vectors sync|verify`: copy vectors into the store that was chosen, and compare what it holds with the rows."""

import argparse
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from infra.local import profile, state
from infra.local.state import Refused
from shared.backends import Backends, open_backends
from shared.domain.errors import ServiceError
from shared.domain.vector import EmbeddingSpace
from shared.memory import vector_audit, vector_copy
from shared.memory.reindexing import choice_of
from shared.memory.vector_audit import Finding, Subject
from shared.memory.vector_copy import Copy
from shared.store.vector_copies import VectorKind
from shared.vectors import spaces
from shared.vectors.opening import Stores, open_stores

_KINDS: tuple[VectorKind, ...] = ("conclusions", "messages")


def vectors(argv: list[str]) -> int:
    """Copy or compare, in the running stack, or else in the database of the settings."""
    arguments = _parser().parse_args(argv)
    try:
        with opened(arguments.data.absolute()) as (backends, stores):
            if arguments.order == "find":
                return find(backends, stores, arguments.workspace, arguments.words)
            if arguments.order == "sync":
                return sync(backends, stores, arguments.workspace, is_again=arguments.again)
            return verify(backends, stores, arguments.workspace, is_repaired=arguments.repair)
    except (ServiceError, Refused) as error:
        print(error, file=sys.stderr)
    except psycopg.Error as error:
        print(f"The database refused it ({type(error).__name__}): are its migrations applied?", file=sys.stderr)
    return 1


def sync(backends: Backends, stores: Stores, only: str | None, *, is_again: bool) -> int:
    """Copy what Postgres holds into the other store. Goes on where it was interrupted."""
    if stores.external is None:
        print("VECTOR_STORE_TYPE is pgvector: there is no other store to copy into.", file=sys.stderr)
        return 1
    settings = backends.settings
    place = f"{settings.vector_store.type}:{settings.namespace('vector_store')}"
    for workspace in _workspaces(backends, only):
        for space in _spaces_of(backends, workspace):
            job = Copy(stores.postgres.at(space), stores.external.at(space), f"{place}:{spaces.key_of(space)}")
            if is_again:
                vector_copy.again(backends, workspace, job.target)
            for kind in _KINDS:
                for copied in vector_copy.copy(backends, workspace, kind, job):
                    how = ", all of them" if copied.is_done else " ..."
                    print(f"{workspace}: {copied.count} {kind}{how}", flush=True)
    print("Everything that Postgres holds is copied. Next: 'vectors verify', then VECTOR_STORE_MIGRATED=true.")
    return 0


def verify(backends: Backends, stores: Stores, only: str | None, *, is_repaired: bool) -> int:
    """Compare rows and vectors by id, one line for each workspace, store and kind; 1 when they do not agree."""
    print(_LINE.format("workspace", "store", "kind", "rows", "held", "pending", "leaving", "missing", "orphans"))
    is_in_order = True
    for workspace in _workspaces(backends, only):
        for name, subject in subjects(backends, stores, workspace).items():
            for kind in _KINDS if backends.settings.app.embed_messages else _KINDS[:1]:
                finding = vector_audit.verify(backends, workspace, kind, subject.index)
                _show(workspace, name, kind, finding)
                if is_repaired and not finding.is_in_order:
                    vector_audit.repair(backends, workspace, kind, subject, finding)
                    finding = vector_audit.verify(backends, workspace, kind, subject.index)
                    _show(workspace, name, kind, finding, "  after repair")
                is_in_order = is_in_order and finding.is_in_order
    if not is_in_order:
        print("Rows and vectors do not agree" + ("." if is_repaired else ": 'vectors verify --repair' makes them."))
    return 0 if is_in_order else 1


def find(backends: Backends, stores: Stores, workspace: str, words: str) -> int:
    """Show which messages the store itself finds by their words, the best first."""
    if stores.external is None:
        print("VECTOR_STORE_TYPE is pgvector: its words are searched by the service's own index.", file=sys.stderr)
        return 1
    index = stores.external.at(_spaces_of(backends, workspace)[0])
    found = index.messages_by_words(workspace, words, k=20)
    for message_id, score in found:
        print(f"{score:8.3f}  {message_id}")
    if not found:
        print("Nothing was found. Texts are there with VECTOR_STORE_TURBOPUFFER_TEXT=true only, from then on.")
    return 0


_LINE = "{:<24} {:<12} {:<12}" + " {:>9}" * 6


def subjects(backends: Backends, stores: Stores, workspace: str) -> dict[str, Subject]:
    """The stores that must agree with the rows, in the space that the workspace reads.

    The one that is no longer written still lends its vectors.
    """
    space = _spaces_of(backends, workspace)[0]
    postgres = stores.postgres.at(space)
    if stores.external is None:
        return {"pgvector": Subject(postgres)}
    external = Subject(stores.external.at(space), (postgres,))
    name: str = backends.settings.vector_store.type
    return {name: external} if stores.is_migrated else {"pgvector": Subject(postgres), name: external}


def _spaces_of(backends: Backends, workspace: str) -> list[EmbeddingSpace]:
    """The space that the workspace reads, and the other one that it writes."""
    choice = choice_of(backends, workspace)
    if choice is None:
        return [backends.models.embedder().space]
    return [space for space in (choice.read, choice.beside) if space is not None]


def _show(workspace: str, store: str, kind: VectorKind, finding: Finding, note: str = "") -> None:
    counts = (finding.rows, finding.held, finding.pending, finding.leaving, len(finding.missing), len(finding.orphans))
    print(_LINE.format(workspace[:24], store, kind, *counts) + note, flush=True)


def _workspaces(backends: Backends, only: str | None) -> Iterator[str]:
    return vector_copy.workspaces(backends) if only is None else iter((only,))


@contextmanager
def opened(data: Path) -> Generator[tuple[Backends, Stores]]:
    """The backends of the stack that runs on `data`, or else of the settings, and their stores by name."""
    settings = profile.settings_for(data)
    backends = open_backends(settings)
    embedder = backends.models.embedder
    stores = open_stores(
        settings.vector_store, settings.namespace("vector_store"), backends.db, lambda: embedder().space
    )
    try:
        yield backends, stores
    finally:
        backends.db.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m infra vectors", description=vectors.__doc__)
    parser.add_argument("--data", type=Path, default=state.USUAL, help="data folder of the stack (default .dev)")
    orders = parser.add_subparsers(dest="order", required=True)
    copying = orders.add_parser("sync", help="copy what Postgres holds into the store of VECTOR_STORE_TYPE")
    copying.add_argument("--again", action="store_true", help="from the beginning, also where it was copied before")
    comparing = orders.add_parser("verify", help="compare rows and vectors by id, workspace by workspace")
    comparing.add_argument("--repair", action="store_true", help="bring what is missing, take out what has no row")
    finding = orders.add_parser("find", help="what Turbopuffer finds by words (BM25), where it was given the texts")
    finding.add_argument("--workspace", required=True)
    finding.add_argument("words")
    for order in (copying, comparing):
        order.add_argument("--workspace", help="only this one (default: all)")
    for order in (copying, comparing, finding):
        # After the order's word as well as before it.
        order.add_argument("--data", type=Path, default=argparse.SUPPRESS, help="data folder of the stack")
    return parser
