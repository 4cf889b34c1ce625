"""The stores that the one suite of this folder is run for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from shared.domain.vector import EmbeddingSpace
from shared.settings.sections import DbSettings
from shared.store.database import open_database
from shared.vectors import spaces
from shared.vectors.dual import DualIndex
from shared.vectors.external import ExternalIndex
from shared.vectors.index import VectorIndex
from shared.vectors.lance import LanceShelf
from shared.vectors.pg import PgIndex
from shared.vectors.turbopuffer import TurbopufferShelf
from tests.support.turbopuffer_server import KEY, TurbopufferServer

STORES = ("pgvector", "turbopuffer", "lancedb", "pgvector and turbopuffer")


@dataclass(frozen=True)
class Store:
    """One kind of store, and how to open an index in it; every space that was opened counts as one there ever was."""

    name: str
    open: Callable[[EmbeddingSpace], VectorIndex]


@pytest.fixture
def turbopuffer() -> Iterator[TurbopufferServer]:
    with TurbopufferServer() as server:
        yield server


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    known: list[EmbeddingSpace] = []

    def external(shelf: TurbopufferShelf | LanceShelf) -> Callable[[EmbeddingSpace], VectorIndex]:
        def opened(space: EmbeddingSpace) -> VectorIndex:
            known.append(space)
            return ExternalIndex(shelf, "tests", lambda: space, lambda: [spaces.key_of(one) for one in known])

        return opened

    match request.param:
        case "turbopuffer":
            server = request.getfixturevalue("turbopuffer")
            yield Store("turbopuffer", external(TurbopufferShelf(KEY, None, server.url)))
        case "lancedb":
            yield Store("lancedb", external(LanceShelf(str(tmp_path / "vectors"))))
        case name:
            owner_dsn = request.getfixturevalue("owner_dsn")
            dsn = request.getfixturevalue("database_dsn")
            db = open_database(DbSettings.model_validate({"connection_uri": dsn}))

            def in_postgres(space: EmbeddingSpace) -> VectorIndex:
                with psycopg.connect(owner_dsn) as conn:
                    spaces.create(conn, space)
                return PgIndex(db, lambda: space)

            if name == "pgvector":
                yield Store(name, in_postgres)
            else:
                server = request.getfixturevalue("turbopuffer")
                beside = external(TurbopufferShelf(KEY, None, server.url))
                yield Store(name, lambda space: DualIndex(in_postgres(space), beside(space)))
            db.close()


@pytest.fixture
def index(store: Store, request: pytest.FixtureRequest) -> VectorIndex:
    """Three dimensions, and a space of the test's own."""
    return store.open(EmbeddingSpace(request.node.name, 3))
