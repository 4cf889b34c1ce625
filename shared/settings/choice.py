"""Which provider and model each feature gets, when some of them are left to be inherited."""

from pydantic import SecretStr

from shared.domain.dream import Specialist
from shared.domain.errors import Invalid
from shared.settings.models import (
    DEFAULT_BASE_URLS,
    DEFAULT_EMBEDDING_MODELS,
    DEFAULT_MODELS,
    MAX_INPUT_TOKENS,
    EmbeddingProvider,
    EmbeddingSpec,
    ModelSpec,
    Provider,
)
from shared.settings.sections import Feature, LlmSettings, Settings

# The first of these that has what it needs serves every feature that names no provider.
_PREFERENCE: tuple[Provider, ...] = ("custom", "openai", "vllm", "groq", "anthropic", "google")


class ModelMissing(Invalid):
    """No model provider is configured."""


def chat_spec(settings: Settings, feature: Feature) -> ModelSpec:
    """The model of `feature`. Raises `ModelMissing`, naming the variables that would help."""
    backup = (
        _spec(settings.llm, feature.backup_provider, feature.backup_model, None)
        if feature.backup_provider is not None
        else None
    )
    return _spec(settings.llm, feature.provider or default_provider(settings), feature.model, backup)


def dream_spec(settings: Settings, specialist: Specialist) -> ModelSpec:
    """The model of a dream's specialist: its own, else that of dreams. Raises as `chat_spec`."""
    dream = settings.dream
    # Who keeps the card reads as closely as who deduces.
    own = dream.induction_model if specialist == "induction" else dream.deduction_model
    return chat_spec(settings, dream.model_copy(update={"model": own or dream.model}))


def default_provider(settings: Settings) -> Provider:
    """The provider of features that name none: the first with a key, else the offline one where allowed."""
    for provider in _PREFERENCE:
        if _is_usable(settings.llm, provider):
            return provider
    if settings.offline.enabled:
        return "offline"
    raise ModelMissing(
        "no model provider is configured: set LLM_OPENAI_COMPATIBLE_BASE_URL and LLM_OPENAI_COMPATIBLE_API_KEY, "
        "or a vendor's key such as LLM_OPENAI_API_KEY, or OFFLINE_ENABLED=true for the rule-based model"
    )


def effective_provider(settings: Settings, feature: Feature) -> Provider | None:
    """The provider that serves `feature`; None when there is none."""
    try:
        return feature.provider or default_provider(settings)
    except ModelMissing:
        return None


def lacking(llm: LlmSettings, provider: Provider) -> list[str]:
    """The variables that `provider` needs and that are not set."""
    return [name for name in _NEEDS[provider] if _value(llm, name) is None]


def lacking_for_embeddings(llm: LlmSettings) -> list[str]:
    """The variables that the chosen embedding provider needs and that are not set."""
    return [name for name in _EMBEDDING_NEEDS.get(llm.embedding_provider or "offline", ()) if _value(llm, name) is None]


def key_variables(spec: ModelSpec | EmbeddingSpec) -> tuple[str, ...]:
    """The variables that make this model's provider usable."""
    return _NEEDS[spec.provider] if isinstance(spec, ModelSpec) else _EMBEDDING_NEEDS[spec.provider]


def embedding_spec(settings: Settings) -> EmbeddingSpec:
    """The embedding model, and where it is reached."""
    provider = settings.llm.embedding_provider or _default_embedder(settings)
    model = settings.llm.embedding_model or DEFAULT_EMBEDDING_MODELS[provider]
    return _embedding(settings, provider, model, settings.vector_store.dimensions)


def spec_of_space(settings: Settings, name: str, dimensions: int | None = None) -> EmbeddingSpec:
    """The embedding model `provider/model` with so many dimensions, else those of the settings.

    Spaces of offline models name no provider. Raises `ModelMissing` where the provider's key is not set.
    """
    first, _, rest = name.partition("/")
    named: EmbeddingProvider | None = next((one for one in DEFAULT_EMBEDDING_MODELS if one == first), None)
    provider: EmbeddingProvider = named or "offline"
    model = name if named is None else rest or DEFAULT_EMBEDDING_MODELS[provider]
    if missing := [one for one in _EMBEDDING_NEEDS.get(provider, ()) if _value(settings.llm, one) is None]:
        raise ModelMissing(f"the embedding model {name} needs {' and '.join(missing)}")
    return _embedding(settings, provider, model, dimensions or settings.vector_store.dimensions)


def _embedding(settings: Settings, provider: EmbeddingProvider, model: str, dimensions: int) -> EmbeddingSpec:
    llm = settings.llm
    reach: dict[EmbeddingProvider, tuple[SecretStr | None, str | None]] = {
        "openai": (llm.openai_api_key, llm.openai_base_url),
        "gemini": (llm.gemini_api_key, llm.gemini_base_url),
        "openrouter": (
            llm.openai_compatible_api_key,
            llm.openai_compatible_base_url or DEFAULT_BASE_URLS["openrouter"],
        ),
        "custom": (llm.openai_compatible_api_key, llm.openai_compatible_base_url),
        "offline": (None, None),
    }
    key, url = reach[provider]
    how, most = settings.embedding.model, settings.app.max_embedding_tokens
    return EmbeddingSpec(
        provider,
        model,
        None if provider == "offline" else dimensions,
        min(most, MAX_INPUT_TOKENS.get(provider, most)),
        settings.app.max_embedding_tokens_per_request,
        dimensions_mode=how.dimensions_mode,
        encoding_mode=how.encoding_format_mode,
        max_batch=how.max_batch_size,
        timeout_s=how.timeout,
        concurrency=settings.embedding.max_concurrent_embeddings,
        api_key=_plain(key),
        base_url=url,
    )


def _spec(llm: LlmSettings, provider: Provider, model: str | None, backup: ModelSpec | None) -> ModelSpec:
    if not _is_usable(llm, provider) and provider != "offline":
        raise ModelMissing(f"provider {provider!r} is selected, but {' and '.join(_NEEDS[provider])} is not set")
    key, url = _reach(llm, provider)
    name = model or (llm.default_model if provider != "offline" else None) or DEFAULT_MODELS[provider]
    return ModelSpec(provider, name, _plain(key), url, backup)


_NEEDS: dict[Provider, tuple[str, ...]] = {
    "openai": ("LLM_OPENAI_API_KEY",),
    "custom": ("LLM_OPENAI_COMPATIBLE_BASE_URL", "LLM_OPENAI_COMPATIBLE_API_KEY"),
    "vllm": ("LLM_VLLM_BASE_URL", "LLM_VLLM_API_KEY"),
    "groq": ("LLM_GROQ_API_KEY",),
    "anthropic": ("LLM_ANTHROPIC_API_KEY",),
    "google": ("LLM_GEMINI_API_KEY",),
    "offline": (),
}


_EMBEDDING_NEEDS: dict[EmbeddingProvider, tuple[str, ...]] = {
    "openai": _NEEDS["openai"],
    "gemini": _NEEDS["google"],
    "openrouter": ("LLM_OPENAI_COMPATIBLE_API_KEY",),
    "custom": _NEEDS["custom"],
}


def _is_usable(llm: LlmSettings, provider: Provider) -> bool:
    return bool(_NEEDS[provider]) and not lacking(llm, provider)


def _value(llm: LlmSettings, variable: str) -> object:
    return getattr(llm, variable.removeprefix("LLM_").lower())


def _reach(llm: LlmSettings, provider: Provider) -> tuple[SecretStr | None, str | None]:
    match provider:
        case "openai":
            return llm.openai_api_key, llm.openai_base_url
        case "custom":
            return llm.openai_compatible_api_key, llm.openai_compatible_base_url
        case "vllm":
            return llm.vllm_api_key, llm.vllm_base_url
        case "groq":
            return llm.groq_api_key, llm.groq_base_url or DEFAULT_BASE_URLS["groq"]
        case "anthropic":
            return llm.anthropic_api_key, llm.anthropic_base_url
        case "google":
            return llm.gemini_api_key, llm.gemini_base_url
        case "offline":
            return None, None


def _default_embedder(settings: Settings) -> EmbeddingProvider:
    llm = settings.llm
    if llm.openai_api_key is not None:
        return "openai"
    if _is_usable(llm, "custom"):
        return "custom"
    if llm.gemini_api_key is not None:
        return "gemini"
    # Where only a provider without embeddings has a key, the offline embedder gives real semantics at no cost.
    return "offline"


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None
