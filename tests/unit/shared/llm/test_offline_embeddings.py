import json
import logging
import math
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.domain.errors import ModelUnavailable
from shared.llm.offline_embeddings import (
    HASH_SPACE,
    WORD_SPACE,
    HashEmbedder,
    WordEmbedder,
    open_embedder,
    word_embedder,
)
from shared.llm.provider import Embedder
from shared.settings.models import EmbeddingSpec

FACTS = [
    "alice is allergic to peanuts",
    "alice moved to Lisbon",
    "alice plays the cello",
    "alice works as a nurse in a hospital",
    "alice's sister Ana is expecting a baby",
    "alice has two cats",
    "alice hates getting up early in the morning",
    "alice runs marathons",
    "alice speaks Portuguese and English",
    "alice is married to Tom",
    "alice's car broke down on the highway",
    "alice studied physics at university",
]
QUESTIONS = [
    ("Which foods must she not eat?", 0),
    ("What city does she live in?", 1),
    ("Which musical instrument can she play?", 2),
    ("What is her profession, does she work?", 3),
    ("Is anybody in the family pregnant, a brother or sister?", 4),
    ("Does she have any pets, like dogs or cats?", 5),
    ("Is she someone who likes to wake up early?", 6),
    ("What sports does she do, running or swimming?", 7),
    ("What languages can she talk in?", 8),
    ("Who is her husband?", 9),
    ("Which subject did she learn at college?", 11),
]


def spec(model: str = "offline", max_input_tokens: int = 8000) -> EmbeddingSpec:
    return EmbeddingSpec("offline", model, None, max_input_tokens, 100_000)


def nearest(embedder: Embedder, question: str, facts: Sequence[str]) -> int:
    asked, *vectors = embedder.embed([question, *facts])
    cosines = [math.fsum(a * b for a, b in zip(asked, vector, strict=True)) for vector in vectors]
    return cosines.index(max(cosines))


@pytest.fixture(params=[HASH_SPACE.model, WORD_SPACE.model])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return open_embedder(spec(request.param))


@pytest.mark.parametrize("text", ["", "   ", "\n", "a", "alice is allergic to peanuts", "日本語 🎻", "x" * 50_000])
def test_embed_gives_a_unit_vector_for_any_text(embedder: Embedder, text: str):
    (vector,) = embedder.embed([text])
    assert len(vector) == embedder.space.dimensions == 256
    assert math.fsum(value * value for value in vector) == pytest.approx(1.0)


def test_embed_of_nothing_is_nothing(embedder: Embedder):
    assert embedder.embed([]) == []


def test_embed_of_one_text_does_not_depend_on_its_company(embedder: Embedder):
    alone = embedder.embed(["alice has two cats"])[0]
    among = embedder.embed(["x", "alice has two cats", "a much longer text than the others " * 9])[1]
    assert list(alone) == list(among)


def test_embed_finds_the_text_that_shares_the_words(embedder: Embedder):
    assert nearest(embedder, "playing the cello", FACTS) == 2


@pytest.mark.parametrize(("question", "fact"), QUESTIONS, ids=[question for question, _ in QUESTIONS])
def test_embed_with_word_vectors_finds_the_fact_by_its_meaning(question: str, fact: int):
    assert nearest(open_embedder(spec(WORD_SPACE.model)), question, FACTS) == fact


def test_embed_with_word_vectors_cuts_texts_at_the_limit():
    short = open_embedder(spec(WORD_SPACE.model, max_input_tokens=3))
    first, second = short.embed(["one two three four", "one two three five six"])
    assert list(first) == list(second)


def test_embed_with_word_vectors_agrees_with_the_package_itself():
    # The package reads the same files its own way, in a process of its own: it changes the root logger.
    script = (
        "import json, pathlib, wordllama; "
        "model = wordllama.WordLlama.load(cache_dir=pathlib.Path(wordllama.__file__).parent, disable_download=True); "
        f"print(json.dumps(model.embed({FACTS!r}, norm=True).tolist()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    for ours, theirs in zip(open_embedder(spec()).embed(FACTS), json.loads(done.stdout), strict=True):
        assert list(ours) == pytest.approx(theirs, abs=1e-6)


def test_embed_with_word_vectors_imports_neither_the_package_nor_a_client():
    script = (
        "import sys, logging; from shared.llm.offline_embeddings import word_embedder; "
        "embedder = word_embedder(); assert embedder.space.dimensions == 256; assert 'numpy' not in sys.modules; "
        "embedder.embed(['a']); assert not logging.getLogger().handlers; "
        "print([name for name in ('wordllama', 'requests', 'urllib3', 'wordllama.inference') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
    assert logging.getLogger().level != logging.NOTSET


def test_embed_from_several_threads_at_first_use_gives_the_same():
    embedder, results = open_embedder(spec()), list[list[float]]()
    threads = [
        threading.Thread(target=lambda: results.append(list(embedder.embed(["alice has two cats"])[0])))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == 4
    assert all(result == results[0] for result in results)


def test_open_embedder_names_a_space_for_each_kind():
    assert isinstance(open_embedder(spec(HASH_SPACE.model)), HashEmbedder)
    assert open_embedder(spec()).space == (HASH_SPACE if word_embedder() is None else WORD_SPACE)


def test_word_vectors_when_their_files_are_gone_are_unavailable(tmp_path: Path):
    with pytest.raises(ModelUnavailable):
        WordEmbedder(tmp_path, 100).embed(["a"])
