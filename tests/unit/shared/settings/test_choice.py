"""Which model serves a feature that does not say."""

import pytest

from shared.domain.dream import Specialist
from shared.settings import Settings
from shared.settings.choice import ModelMissing, chat_spec, default_provider, dream_spec, embedding_spec

CUSTOM = {"openai_compatible_api_key": "k", "openai_compatible_base_url": "http://here/v1"}


def settings(llm: dict[str, str] | None = None, **sections: dict[str, object]) -> Settings:
    return Settings.model_validate({"llm": llm or {}, **sections})


@pytest.mark.parametrize(
    ("llm", "expected"),
    [
        ({"openai_api_key": "k"}, "openai"),
        ({"openai_api_key": "k", **CUSTOM}, "custom"),
        ({"openai_compatible_base_url": "http://here/v1", "groq_api_key": "k"}, "groq"),
        ({"gemini_api_key": "k", "anthropic_api_key": "k"}, "anthropic"),
        ({"gemini_api_key": "k"}, "google"),
        ({"vllm_base_url": "http://here", "vllm_api_key": "k", "groq_api_key": "k"}, "vllm"),
    ],
)
def test_default_provider_is_the_first_that_has_what_it_needs(llm, expected):
    assert default_provider(settings(llm, offline={"enabled": True})) == expected


def test_default_provider_without_any_key_is_the_offline_one_where_allowed():
    assert default_provider(settings(offline={"enabled": True})) == "offline"
    with pytest.raises(ModelMissing, match="LLM_OPENAI_COMPATIBLE_BASE_URL"):
        default_provider(settings())


def test_chat_spec_inherits_provider_and_model():
    found = settings({**CUSTOM, "default_model": "mine"})
    spec = chat_spec(found, found.deriver)
    assert (spec.provider, spec.model, spec.api_key, spec.base_url) == ("custom", "mine", "k", "http://here/v1")


def test_chat_spec_takes_what_the_feature_names():
    found = settings({**CUSTOM, "groq_api_key": "g"}, deriver={"provider": "groq", "model": "llama"})
    spec = chat_spec(found, found.deriver)
    assert (spec.name, spec.api_key, spec.base_url) == ("groq/llama", "g", "https://api.groq.com/openai/v1")


@pytest.mark.parametrize(
    ("llm", "name", "url"),
    [
        ({"anthropic_api_key": "k"}, "anthropic/claude-haiku-4-5", None),
        ({"anthropic_api_key": "k", "anthropic_base_url": "http://here"}, "anthropic/claude-haiku-4-5", "http://here"),
        ({"gemini_api_key": "k", "gemini_base_url": "http://there"}, "google/gemini-2.5-flash-lite", "http://there"),
    ],
)
def test_chat_spec_with_one_vendors_key_needs_nothing_else(llm, name, url):
    found = settings(llm)
    specs = {chat_spec(found, feature) for feature in (found.deriver, found.summary, found.dream)}
    assert {(spec.name, spec.api_key, spec.base_url) for spec in specs} == {(name, "k", url)}


def test_chat_spec_of_the_offline_model_ignores_the_default_model():
    found = settings({"default_model": "mine"}, offline={"enabled": True})
    assert chat_spec(found, found.summary).name == "offline/rules-1"


def test_chat_spec_carries_its_backup():
    found = settings({**CUSTOM, "groq_api_key": "g"}, deriver={"backup_provider": "groq", "backup_model": "llama"})
    backup = chat_spec(found, found.deriver).backup
    assert backup is not None
    assert (backup.name, backup.api_key, backup.backup) == ("groq/llama", "g", None)


def test_chat_spec_of_a_named_provider_without_its_key_says_what_is_missing():
    found = settings(deriver={"provider": "vllm"})
    with pytest.raises(ModelMissing, match="LLM_VLLM_BASE_URL and LLM_VLLM_API_KEY"):
        chat_spec(found, found.deriver)


def test_chat_spec_hides_its_key():
    found = settings({"openai_api_key": "sk-hunter2"})
    assert "hunter2" not in repr(chat_spec(found, found.deriver))


@pytest.mark.parametrize(
    ("llm", "provider", "model", "dimensions"),
    [
        ({}, "offline", "offline", None),
        ({"groq_api_key": "k"}, "offline", "offline", None),
        ({"openai_api_key": "k"}, "openai", "text-embedding-3-small", 1536),
        (CUSTOM, "custom", "text-embedding-3-small", 1536),
        ({"gemini_api_key": "k"}, "gemini", "gemini-embedding-001", 1536),
        ({"openai_api_key": "k", "gemini_api_key": "k"}, "openai", "text-embedding-3-small", 1536),
        ({"anthropic_api_key": "k"}, "offline", "offline", None),
        ({"openai_api_key": "k", "embedding_provider": "offline"}, "offline", "offline", None),
        ({"openai_api_key": "k", "embedding_model": "big"}, "openai", "big", 1536),
    ],
)
def test_embedding_spec_follows_the_keys_there_are(llm, provider, model, dimensions):
    spec = embedding_spec(settings(llm))
    assert (spec.provider, spec.model, spec.dimensions) == (provider, model, dimensions)


def test_embedding_spec_of_openrouter_needs_no_more_than_a_key():
    spec = embedding_spec(settings({"embedding_provider": "openrouter", "openai_compatible_api_key": "k"}))
    assert (spec.model, spec.api_key) == ("openai/text-embedding-3-small", "k")
    assert spec.base_url == "https://openrouter.ai/api/v1"


@pytest.mark.parametrize(
    ("llm", "most", "limit"),
    [
        ({"gemini_api_key": "k"}, 8192, 2048),
        ({"gemini_api_key": "k"}, 1000, 1000),
        ({"openai_api_key": "k"}, 8192, 8192),
    ],
)
def test_embedding_spec_keeps_to_what_the_vendor_reads_of_one_text(llm: dict[str, str], most: int, limit: int):
    assert embedding_spec(settings(llm, app={"max_embedding_tokens": most})).max_input_tokens == limit


def test_embedding_spec_says_how_the_model_is_asked():
    asked = {"dimensions_mode": "never", "encoding_format_mode": "float", "max_batch_size": 7, "timeout": 2.5}
    spec = embedding_spec(settings(embedding={"model_config": asked, "max_concurrent_embeddings": 3}))
    assert (spec.dimensions_mode, spec.encoding_mode, spec.max_batch, spec.timeout_s) == ("never", "float", 7, 2.5)
    assert spec.concurrency == 3


@pytest.mark.parametrize(
    ("dream", "expected"),
    [
        ({}, ["house", "house", "house"]),
        ({"model": "m"}, ["m", "m", "m"]),
        ({"model": "m", "deduction_model": "d", "induction_model": "i"}, ["d", "i", "d"]),
        ({"induction_model": "i"}, ["house", "i", "house"]),
    ],
)
def test_dream_spec_is_the_specialists_own_model_else_that_of_dreams(dream: dict[str, object], expected: list[str]):
    found = settings({**CUSTOM, "default_model": "house"}, dream=dream)
    specialists: list[Specialist] = ["deduction", "induction", "card"]
    assert [dream_spec(found, specialist).model for specialist in specialists] == expected
