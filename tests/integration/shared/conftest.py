"""A workplace over the module's database, once with statements in pipelines and once without."""

import uuid
from collections.abc import Generator

import pytest

from tests.support.backends import (
    AnsweringModel,
    FrozenClock,
    RecordingQueue,
    TinyEmbedder,
    ensure_tiny_space,
    facts,
    make_backends,
    make_settings,
)
from tests.support.scripted_model import FixedModels
from tests.support.workplace import Workplace


@pytest.fixture(scope="module")
def app_dsn(database_dsn: str, owner_dsn: str) -> str:
    """The module's database with the space of the tests' embedder."""
    ensure_tiny_space(owner_dsn)
    return database_dsn


@pytest.fixture(params=[True, False], ids=["pipelined", "singly"])
def place(app_dsn: str, request: pytest.FixtureRequest) -> Generator[Workplace]:
    """An empty workspace; work of earlier tests is gone, so that nothing of theirs is due."""
    embedder, queue, clock = TinyEmbedder(), RecordingQueue(), FrozenClock()
    backends = make_backends(
        app_dsn,
        models=FixedModels(AnsweringModel(lambda _: facts()), embedder),
        settings=make_settings(app_dsn, pipeline=request.param),
        clock=clock,
        queue=queue,
    )
    with backends.db.transaction() as conn:
        for table in ("work_windows", "work_items", "work_units"):
            conn.execute(f"DELETE FROM {table}")
    yield Workplace(backends, f"w-{uuid.uuid4().hex[:10]}", clock, queue, embedder)
    backends.db.close()
