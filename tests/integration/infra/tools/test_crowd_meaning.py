"""The embeddings a stack under load is given: the same as those its database was filled with."""

import pytest

from infra.tools.crowd.meaning import MODEL, Meaning, MeaningServer
from shared.llm.openai_embeddings import asking
from shared.settings.models import EmbeddingSpec


def test_server_gives_the_stack_what_the_database_was_filled_with():
    meaning = Meaning(1024)
    texts = ["I play the cello", "It rains in Porto"]
    with MeaningServer(meaning) as server:
        spec = EmbeddingSpec("custom", MODEL, 1024, 512, 10_000, "none", server.base_url)
        embedder = asking(spec)
        vectors = embedder.embed(texts)
        assert embedder.embed(texts[:1])[0] == pytest.approx(vectors[0], abs=1e-6)
    assert embedder.space.model == f"custom/{MODEL}"
    assert vectors == [pytest.approx(row.tolist(), abs=1e-6) for row in meaning.of(texts)]


def test_what_means_nearly_the_same_stays_nearer():
    cello, violin, rain = Meaning(1024).of(["I play the cello", "I play the violin", "It rains in Porto"])
    assert cello @ violin > cello @ rain
    assert cello @ cello == pytest.approx(1.0, abs=1e-5)
