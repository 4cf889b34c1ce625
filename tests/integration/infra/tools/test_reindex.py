"""The verb that changes embedding models, over the product's own backends and two offline models."""

from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from infra.tools import reindex
from shared.backends import Backends
from shared.domain.conclusion import Collection
from shared.llm.offline_embeddings import HASH_SPACE, WORD_SPACE
from shared.memory import recall, reindexing
from shared.memory.conclude import GivenConclusion, create_conclusions
from shared.settings.choice import ModelMissing
from shared.store import peers, record
from shared.vectors import spaces
from tests.support.backends import offline_backends

HASHED = f"reads {HASH_SPACE.model} (256 dimensions)"
LONG_AGO: LiteralString = "UPDATE workspace_spaces SET switched_at = switched_at - interval '2 minutes'"
SPACES: LiteralString = "SELECT model FROM embedding_spaces ORDER BY model"


@pytest.fixture
def backends(owner_dsn: str) -> Iterator[Backends]:
    """As the owner of the tables, whom the verb needs."""
    with offline_backends(owner_dsn, owner_dsn) as opened:
        yield opened
        with psycopg.connect(owner_dsn) as conn:
            conn.execute("DELETE FROM workspace_spaces")


@pytest.fixture
def workspace(backends: Backends, request: pytest.FixtureRequest) -> str:
    """One with two conclusions about ada."""
    name = str(request.node.name)
    _has_ada(backends, name)
    create_conclusions(backends, name, [GivenConclusion("ada", "ada", None, text) for text in ("likes tea", "rows")])
    return name


def _has_ada(backends: Backends, workspace: str) -> None:
    now = backends.clock.now()
    with backends.db.transaction() as conn:
        record.ensure(conn, workspace, "s", [], now)
        peers.ensure(conn, workspace, ["ada"], now)


def runs(backends: Backends, *argv: str) -> int:
    arguments = reindex._parser().parse_args(argv)  # pyright: ignore[reportPrivateUsage]  # what the verb does itself
    return reindex._order(arguments)(backends, iter(arguments.workspace), Path("nowhere"), arguments)  # pyright: ignore


def nearest(backends: Backends, workspace: str, query: str) -> str:
    vector = recall.vector_of(backends, workspace, query)
    [found] = recall.recall(backends, Collection(workspace, "ada", "ada"), query, vector, k=1)
    return found.content


def test_reindex_fills_reads_goes_back_and_drops(
    backends: Backends, workspace: str, owner_dsn: str, capsys: pytest.CaptureFixture[str]
):
    own = ("--workspace", workspace)
    assert runs(backends, *own, "--to", HASH_SPACE.model) == 0
    assert "2 of 2 rows" in capsys.readouterr().out
    assert nearest(backends, workspace, "likes tea") == "likes tea"
    runs(backends, *own, "--status")
    said = capsys.readouterr().out
    assert f"{workspace}: {HASHED}; {WORD_SPACE.model} (256 dimensions) is written, too, until --drop" in said

    assert runs(backends, *own, "--back") == 0
    assert f"{workspace} reads {WORD_SPACE.model}" in capsys.readouterr().out
    with psycopg.connect(owner_dsn) as conn:
        conn.execute(LONG_AGO)
    assert runs(backends, *own, "--drop") == 0
    said = capsys.readouterr().out
    assert f"{HASH_SPACE.model} (256 dimensions) is empty" in said
    assert f"The tables of {HASH_SPACE.model} (256 dimensions) are gone" in said
    with psycopg.connect(owner_dsn) as conn:
        assert [model for (model,) in conn.execute(SPACES)] == [WORD_SPACE.model]
    assert nearest(backends, workspace, "likes tea") == "likes tea"
    assert runs(backends, *own, "--back") == 1


def test_reindex_of_a_workspace_that_is_there_already_says_so(
    backends: Backends, workspace: str, capsys: pytest.CaptureFixture[str]
):
    assert runs(backends, "--workspace", workspace) == 0
    assert f"{workspace} reads {WORD_SPACE.model} (256 dimensions) already" in capsys.readouterr().out


def test_reindex_to_a_model_without_its_key_names_the_key(backends: Backends, workspace: str):
    with pytest.raises(ModelMissing, match="LLM_OPENAI_API_KEY"):
        runs(backends, "--workspace", workspace, "--to", "openai/text-embedding-3-large")


def test_reindex_of_nobody_is_refused(backends: Backends):
    with pytest.raises(Exception, match="not found"):
        runs(backends, "--workspace", "nowhere", "--to", HASH_SPACE.model)


def test_drop_keeps_tables_that_another_workspace_reads(
    backends: Backends, workspace: str, owner_dsn: str, capsys: pytest.CaptureFixture[str]
):
    other = f"{workspace}-2"
    _has_ada(backends, other)
    runs(backends, "--workspace", other, "--to", HASH_SPACE.model)
    reindexing.begin(backends, workspace, HASH_SPACE)
    assert runs(backends, "--workspace", workspace, "--drop") == 0
    assert "are gone" not in capsys.readouterr().out
    with psycopg.connect(owner_dsn) as conn:
        assert spaces.keys(conn).count(spaces.key_of(HASH_SPACE)) == 1


@pytest.mark.parametrize(
    ("passed", "total", "seconds", "said"),
    [(200, 1000, 2.0, "200 of 1000 rows, 100/s, 0.1 min left"), (5, 5, 1.0, "5 of 5 rows, 5/s"), (0, 0, 0.0, "0 of 0")],
)
def test_progress_says_how_far_how_fast_and_how_long(passed: int, total: int, seconds: float, said: str):
    assert reindex.progress(reindexing.Progress(passed, total, passed, 0), seconds).strip().startswith(said)
