"""The vendored ranks are the published ones, and tiktoken finds them without a network."""

import hashlib

import pytest
import tiktoken

from infra.bootstrap import ROOT

ENCODINGS = ROOT / "layers" / "models" / "encodings"
# Both are what tiktoken_ext/openai_public.py of openai/tiktoken says of o200k_base.
ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"


@pytest.fixture
def o200k(monkeypatch: pytest.MonkeyPatch) -> tiktoken.Encoding:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(ENCODINGS))
    return tiktoken.get_encoding("o200k_base")


def test_ranks_under_the_cache_name_have_the_published_hash():
    name = hashlib.sha1(ADDRESS.encode()).hexdigest()
    assert hashlib.sha256((ENCODINGS / name).read_bytes()).hexdigest() == SHA256


@pytest.mark.parametrize(("text", "count"), [("tiktoken is great!", 6), ("お誕生日おめでとう", 8)])
def test_encoding_offline_counts_as_published(o200k: tiktoken.Encoding, text: str, count: int):
    assert len(o200k.encode(text)) == count
