"""One variable is enough to start with a real model: everything else is inherited."""

from pathlib import Path

import pytest

from infra.local.models_in_use import briefly, described, in_use
from shared.settings.models import DEFAULT_BASE_URLS, DEFAULT_EMBEDDING_MODELS, DEFAULT_MODELS
from shared.settings.sources import resolve


def models(folder: Path, **env: str) -> dict[str, str]:
    """Each model in use, and what for."""
    found = resolve(env=env, folder=folder)
    return {described(spec): briefly(features) for spec, features in in_use(found.settings).items()}


@pytest.mark.parametrize(
    ("variable", "provider", "embedder"),
    [
        ("LLM_OPENAI_API_KEY", "openai", "openai"),
        ("LLM_ANTHROPIC_API_KEY", "anthropic", "offline"),
        ("LLM_GEMINI_API_KEY", "google", "gemini"),
        ("LLM_GROQ_API_KEY", "groq", "offline"),
    ],
)
def test_a_vendors_key_alone_serves_every_feature(tmp_path: Path, variable: str, provider: str, embedder: str):
    where = f" at {DEFAULT_BASE_URLS[provider]}" if provider in DEFAULT_BASE_URLS else ""
    assert models(tmp_path, **{variable: "k"}) == {
        f"{provider}/{DEFAULT_MODELS[provider]}{where}": "everything",
        f"{embedder}/{DEFAULT_EMBEDDING_MODELS[embedder]}": "embeddings",
    }


def test_a_server_that_speaks_the_protocol_and_its_key_serve_every_feature(tmp_path: Path):
    reach = {"LLM_OPENAI_COMPATIBLE_BASE_URL": "http://here/v1", "LLM_OPENAI_COMPATIBLE_API_KEY": "k"}
    assert models(tmp_path, **reach) == {
        f"custom/{DEFAULT_MODELS['custom']} at http://here/v1": "everything",
        f"custom/{DEFAULT_EMBEDDING_MODELS['custom']} at http://here/v1": "embeddings",
    }


def test_one_feature_of_its_own_leaves_the_others_as_they_are(tmp_path: Path):
    found = models(tmp_path, LLM_OPENAI_API_KEY="k", DIALECTIC_LEVELS__max__MODEL="big", SUMMARY_MODEL="small")
    assert found["openai/big"] == "chat max"
    assert found["openai/small"] == "summary"
    assert found[f"openai/{DEFAULT_MODELS['openai']}"] == (
        "deriver, chat minimal, chat low, chat medium, chat high, dreams"
    )
