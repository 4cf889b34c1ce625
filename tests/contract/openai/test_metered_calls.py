"""What the genuine SDK reports is what is in the books: tokens as the server counts them, attempt by attempt."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import LiteralString

import pytest
from psycopg.rows import dict_row

from shared.backends import Backends
from shared.llm.openai_compatible import open_chat
from shared.llm.openai_embeddings import asking
from shared.llm.retry import Pace, Retrying
from shared.llm.types import Completion, TextDelta, UserTurn
from shared.memory.metering import metered
from shared.settings.models import EmbeddingSpec, ModelSpec
from tests.support.backends import make_backends
from tests.support.openai_server import OpenAIServer, as_json, completion, delta, failure, streamed, vectors
from tests.support.scripted_model import FixedModels
from tests.support.workplace import Row

CALLS: LiteralString = "SELECT * FROM model_calls WHERE workspace = %(workspace)s ORDER BY at, id"
ASKED = Completion((UserTurn("Hello?"),), "derive", 400, timeout_s=20)
USED = {
    "prompt_tokens": 1000,
    "completion_tokens": 200,
    "prompt_tokens_details": {"cached_tokens": 400},
    "completion_tokens_details": {"reasoning_tokens": 150},
}


@pytest.fixture
def backends(server: OpenAIServer, database_dsn: str) -> Iterator[Backends]:
    chat = Retrying(
        open_chat(ModelSpec("openai", "gpt-5.4-mini", "sk-key", server.url)), pace=Pace(sleep=lambda _: None)
    )
    spec = EmbeddingSpec("openai", "text-embedding-3-small", 3, 8192, 300_000, "sk-key", server.url)
    opened = make_backends(database_dsn, models=FixedModels(chat, asking(spec)))
    yield opened
    opened.db.close()


def calls(backends: Backends, workspace: str) -> list[Row]:
    with backends.db.reading() as conn, conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(CALLS, {"workspace": workspace}).fetchall()


def counts(row: Row) -> tuple[object, ...]:
    return tuple(row[f"{kind}_tokens"] for kind in ("input", "cached", "output", "thinking"))


def test_answer_is_booked_with_the_counts_of_the_server(server: OpenAIServer, backends: Backends):
    server.script(completion({"content": "Hi."}, usage=USED))
    with metered(backends, "whole") as own:
        own.models.deriver().complete(ASKED)
    [row] = calls(backends, "whole")
    assert (row["provider"], row["model"], row["outcome"]) == ("openai", "gpt-5.4-mini", "answered")
    assert counts(row) == (1000, 400, 200, 150)
    # 600 at 0.75, 400 at 0.075 and 200 at 4.50 dollars a million.
    assert row["usd"] == Decimal("0.00138")


def test_every_attempt_is_booked_and_an_empty_answer_with_what_it_cost(server: OpenAIServer, backends: Backends):
    server.script(failure(500, "oops"), completion({"content": ""}, usage=USED), completion({"content": "Hi."}))
    with metered(backends, "tried") as own:
        own.models.deriver().complete(ASKED)
    rows = calls(backends, "tried")
    assert sorted((row["outcome"], row["output_tokens"], row["error"] or "") for row in rows) == [
        ("answered", 0, ""),
        ("failed", 0, "ModelUnavailable"),
        ("failed", 200, "AnswerUseless"),
    ]


def test_stream_is_booked_with_the_counts_of_its_last_chunk(server: OpenAIServer, backends: Backends):
    last = {**delta({}), "choices": [], "usage": USED}
    server.script(streamed(delta({"content": "Hi"}), delta({"content": "."}, finish="stop"), last))
    with metered(backends, "streamed") as own:
        pieces = list(own.models.dialectic("low").stream(ASKED))
    assert [piece.text for piece in pieces if isinstance(piece, TextDelta)] == ["Hi", "."]
    [row] = calls(backends, "streamed")
    assert (row["feature"], counts(row)) == ("dialectic_low", (1000, 400, 200, 150))


def test_embedding_is_booked_with_the_counts_of_the_server_else_with_ours(server: OpenAIServer, backends: Backends):
    with_usage, without = vectors([1.0, 0.0, 0.0]), vectors([0.0, 1.0, 0.0])
    bare = as_json({"data": [{"index": 0, "embedding": [0.0, 1.0, 0.0]}]})
    server.script(with_usage, replace(without, body=bare.body))
    with metered(backends, "embedded") as own:
        own.models.embedder().embed(["a word"])
        own.models.embedder().embed(["four words of text"])
    assert sorted(row["input_tokens"] for row in calls(backends, "embedded")) == [1, 4]
