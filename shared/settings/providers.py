"""Sections about who thinks and embeds: keys, addresses, limits."""

from typing import Annotated

from pydantic import Field, SecretStr

from shared.settings.models import DimensionsMode, EmbeddingProvider, EncodingMode, Provider
from shared.settings.section import Count, Section, setting

Tokens = Annotated[int, Field(ge=1, le=100_000)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class LlmSettings(Section):
    """Keys and addresses of the model providers."""

    anthropic_api_key: SecretStr | None = setting(None, "provider anthropic")
    anthropic_base_url: str | None = setting(None, "instead of Anthropic's own address")
    openai_api_key: SecretStr | None = setting(None, "provider openai, and its embeddings")
    openai_base_url: str | None = setting(None, "instead of OpenAI's own address")
    gemini_api_key: SecretStr | None = setting(None, "provider google, and embeddings gemini")
    gemini_base_url: str | None = setting(None, "instead of Google's own address")
    groq_api_key: SecretStr | None = setting(None, "provider groq")
    groq_base_url: str | None = setting(None, "instead of Groq's own address")
    openai_compatible_api_key: SecretStr | None = setting(None, "provider custom, and embeddings custom and openrouter")
    openai_compatible_base_url: str | None = setting(None, "any server that speaks the OpenAI protocol")
    vllm_api_key: SecretStr | None = setting(None, "provider vllm; any text where the server asks for none")
    vllm_base_url: str | None = setting(None, "a vLLM server, with its /v1")
    default_model: str | None = setting(None, "for every feature that names no model of its own")
    default_max_tokens: Tokens = setting(2500, "output of a call that has no cap of its own, such as the doctor's")
    embedding_provider: EmbeddingProvider | None = setting(
        None, "openai, gemini, openrouter, custom or offline; chosen by the keys there are when not set"
    )
    embedding_model: str | None = setting(None, "the provider's usual one when not set")
    max_tool_output_chars: Annotated[int, Field(ge=1, le=100_000)] = setting(10_000, "of what a tool tells the model")
    max_message_content_chars: Annotated[int, Field(ge=1, le=10_000)] = setting(2000, "of each message in there")


class EmbeddingModelSettings(Section):
    """How the embedding model is asked."""

    dimensions_mode: DimensionsMode = setting(
        "auto", "whether the wanted dimensions are sent; auto: until the server objects"
    )
    encoding_format_mode: EncodingMode = setting("auto", "how vectors travel; auto: base64 where the server takes it")
    max_batch_size: Count | None = setting(None, "inputs of one call; 2048, with gemini 100, when not set")
    timeout: Seconds | None = setting(None, "seconds of one call; 8 for a question, 30 for a batch when not set")


class EmbeddingSettings(Section):
    """How texts become vectors; provider and model are in [llm], dimensions in [vector_store], limits in [app]."""

    max_concurrent_embeddings: Annotated[int, Field(ge=1, le=100)] = setting(10, "calls at the same time")
    # `model_config` itself is how pydantic configures a model.
    model: EmbeddingModelSettings = setting(EmbeddingModelSettings(), "how it is asked", alias="model_config")


class Feature(Section):
    """The model of one feature; a provider or model that is not set is inherited."""

    provider: Provider | None = setting(None, "custom, openai, vllm, groq, anthropic, google or offline")
    model: str | None = setting(None, "[llm] default_model, else the provider's usual one, when not set")
    backup_provider: Provider | None = setting(None, "asked when the first one fails; with backup_model")
    backup_model: str | None = setting(None, "goes with backup_provider")
