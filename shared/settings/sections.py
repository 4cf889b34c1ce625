"""One frozen model per section of `config.toml`; names and bounds as documented.

An environment variable is `{SECTION}_{KEY}`, or `{KEY}` for the section `app`; `__` reaches inside a value.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from shared.domain.conclusion import Level
from shared.domain.dream import DreamKind
from shared.settings.models import EmbeddingProvider, Provider, ReasoningLevel

Count = Annotated[int, Field(gt=0)]
# Anthropic refuses smaller thinking budgets.
_LEAST_THINKING = 1024


class Section(BaseModel):
    """A part of the settings; nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AppSettings(Section):
    """Limits and switches of the service as a whole."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    session_observers_limit: Count = 10
    get_context_max_tokens: Annotated[int, Field(ge=1, le=250_000)] = 100_000
    max_message_size: Count = 25_000
    max_file_size: Count = 5_242_880
    # For how long a repeated Idempotency-Key gives the first answer again.
    idempotency_key_hours: Annotated[int, Field(ge=1, le=720)] = 24
    embed_messages: bool = True
    max_embedding_tokens: Count = 8192
    max_embedding_tokens_per_request: Count = 300_000
    namespace: str = "honcho"
    # The origins whose pages a browser lets call the API.
    cors_origins: tuple[str, ...] = ("http://localhost", "http://127.0.0.1:8000", "https://api.honcho.dev")


class DbSettings(Section):
    """How Postgres is reached."""

    connection_uri: SecretStr = SecretStr("postgresql+psycopg://postgres:postgres@localhost:5432/postgres")
    # `schema` itself is a method of pydantic models.
    db_schema: str = Field(default="public", alias="schema")
    pool_size: Annotated[int, Field(ge=1, le=1000)] = 10
    connect_timeout_seconds: Annotated[int, Field(ge=1, le=60)] = 5
    pipeline: bool = True
    # Behind a transaction-pooling proxy prepared statements pin the connection; None switches them off.
    prepare_threshold: int | None = None

    @property
    def dsn(self) -> str:
        """The address as psycopg reads it, without SQLAlchemy's driver suffix."""
        return self.connection_uri.get_secret_value().replace("postgresql+psycopg://", "postgresql://", 1)


class AuthSettings(Section):
    """Keys, or none: with `use_auth` off every caller acts as admin."""

    use_auth: bool = False
    jwt_secret: SecretStr | None = None
    # While keys signed with it are still about: they are accepted, new ones are signed with `jwt_secret`.
    jwt_secret_previous: SecretStr | None = None


class LlmSettings(Section):
    """Keys and addresses of the model providers."""

    anthropic_api_key: SecretStr | None = None
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    gemini_api_key: SecretStr | None = None
    groq_api_key: SecretStr | None = None
    openai_compatible_api_key: SecretStr | None = None
    openai_compatible_base_url: str | None = None
    vllm_api_key: SecretStr | None = None
    vllm_base_url: str | None = None
    default_model: str | None = None
    default_max_tokens: Annotated[int, Field(ge=1, le=100_000)] = 2500
    embedding_provider: EmbeddingProvider | None = None
    embedding_model: str | None = None
    max_tool_output_chars: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    max_message_content_chars: Annotated[int, Field(ge=1, le=10_000)] = 2000


class Feature(Section):
    """The model of one feature; a provider or model that is not set is inherited."""

    provider: Provider | None = None
    model: str | None = None
    backup_provider: Provider | None = None
    backup_model: str | None = None

    @model_validator(mode="after")
    def _backup_is_whole(self) -> "Feature":
        if (self.backup_provider is None) != (self.backup_model is None):
            raise ValueError("BACKUP_PROVIDER and BACKUP_MODEL go together: set both or neither")
        return self


class DeriverSettings(Feature):
    """Messages to conclusions."""

    enabled: bool = True
    max_output_tokens: Annotated[int, Field(ge=1, le=100_000)] = 4096
    thinking_budget_tokens: Annotated[int, Field(ge=0, le=5000)] = 1024
    temperature: float | None = None
    max_input_tokens: Annotated[int, Field(ge=1, le=25_000)] = 23_000
    max_custom_instructions_tokens: Annotated[int, Field(ge=0, le=2000)] = 2000
    deduplicate: bool = True
    working_representation_max_observations: Annotated[int, Field(ge=1, le=1000)] = 100
    representation_batch_max_tokens: Annotated[int, Field(ge=128, le=16_384)] = 1024
    representation_batch_work_unit_target_tokens: Annotated[int, Field(ge=0, le=16_384)] | None = None
    representation_batch_target_input_tokens: Annotated[int, Field(ge=128, le=16_384)] | None = None
    representation_batch_max_age_seconds: Annotated[int, Field(ge=0)] = 1800
    flush_enabled: bool = False
    timeout_seconds: Count = 80
    max_attempts: Count = 5

    @property
    def gate_tokens(self) -> int:
        """Tokens that must be waiting before a unit is looked at; 0 when nothing has to wait."""
        if self.flush_enabled:
            return 0
        target = self.representation_batch_work_unit_target_tokens
        return self.representation_batch_max_tokens if target is None else target

    @property
    def window_tokens(self) -> int:
        """The most tokens of messages that one model call reads."""
        return self.representation_batch_target_input_tokens or self.representation_batch_max_tokens

    @model_validator(mode="after")
    def _window_fits(self) -> "DeriverSettings":
        if self.window_tokens > self.max_input_tokens:
            raise ValueError("DERIVER_REPRESENTATION_BATCH_MAX_TOKENS must not exceed DERIVER_MAX_INPUT_TOKENS")
        return self


class PeerCardSettings(Section):
    """Whether cards are used and written by default."""

    enabled: bool = True


class LevelSettings(Feature):
    """One reasoning level of the dialectic."""

    thinking_budget_tokens: Annotated[int, Field(ge=0, le=100_000)] = 0
    max_tool_iterations: Annotated[int, Field(ge=0, le=50)] = 1
    max_output_tokens: Annotated[int, Field(ge=1, le=100_000)] | None = None
    tool_choice: str | None = None


def _default_levels() -> dict[ReasoningLevel, LevelSettings]:
    return {
        "minimal": LevelSettings(max_tool_iterations=1, max_output_tokens=250, tool_choice="any"),
        "low": LevelSettings(max_tool_iterations=5, tool_choice="any"),
        "medium": LevelSettings(max_tool_iterations=2, thinking_budget_tokens=1024),
        "high": LevelSettings(max_tool_iterations=4, thinking_budget_tokens=1024),
        "max": LevelSettings(max_tool_iterations=10, thinking_budget_tokens=2048),
    }


class DialecticSettings(Section):
    """Answering questions about a peer."""

    max_output_tokens: Annotated[int, Field(ge=1, le=100_000)] = 8192
    max_input_tokens: Annotated[int, Field(ge=1, le=200_000)] = 100_000
    history_token_limit: Annotated[int, Field(ge=1, le=100_000)] = 8192
    session_history_max_tokens: Annotated[int, Field(ge=0, le=16_384)] = 4096
    timeout_seconds: Count = 120
    levels: dict[ReasoningLevel, LevelSettings] = Field(default_factory=_default_levels)

    @model_validator(mode="after")
    def _thinking_leaves_room(self) -> "DialecticSettings":
        for name, level in self.levels.items():
            budget, place = level.thinking_budget_tokens, f"DIALECTIC_LEVELS__{name}__THINKING_BUDGET_TOKENS"
            if budget and budget >= (level.max_output_tokens or self.max_output_tokens):
                raise ValueError(f"{place} must be smaller than the level's maximum of output tokens")
            if level.provider == "anthropic" and 0 < budget < _LEAST_THINKING:
                raise ValueError(f"{place} must be 0 or at least {_LEAST_THINKING} with this provider")
        return self


class SummarySettings(Feature):
    """Short and long summaries of sessions."""

    enabled: bool = True
    max_tokens_short: Annotated[int, Field(ge=1, le=10_000)] = 1000
    max_tokens_long: Annotated[int, Field(ge=1, le=20_000)] = 4000
    thinking_budget_tokens: Annotated[int, Field(ge=0, le=2000)] = 512
    messages_per_short_summary: Annotated[int, Field(ge=1, le=100)] = 20
    messages_per_long_summary: Annotated[int, Field(ge=1, le=500)] = 60

    @model_validator(mode="after")
    def _short_is_shorter(self) -> "SummarySettings":
        if self.messages_per_short_summary >= self.messages_per_long_summary:
            raise ValueError(
                "SUMMARY_MESSAGES_PER_SHORT_SUMMARY must be smaller than SUMMARY_MESSAGES_PER_LONG_SUMMARY"
            )
        return self


class SurprisalSettings(Section):
    """Which conclusions a dream looks at first: those that lie far from all others."""

    enabled: bool = False
    tree_type: Literal["kdtree", "balltree"] = "kdtree"
    tree_k: Annotated[int, Field(ge=1, le=20)] = 5
    sampling_strategy: Literal["recent", "random", "all"] = "recent"
    sample_size: Annotated[int, Field(ge=1, le=2000)] = 200
    top_percent_surprisal: Annotated[float, Field(gt=0, le=1)] = 0.10
    min_high_surprisal_for_replace: Count = 10
    include_levels: tuple[Level, ...] = ("explicit", "deductive")

    @field_validator("tree_type", mode="before")
    @classmethod
    def _is_exact(cls, value: object) -> object:
        if value in ("rptree", "covertree", "lsh", "graph", "prototype"):
            raise ValueError(f"'{value}' only approximates neighbours: use kdtree or balltree, which find them exactly")
        return value


class DreamSettings(Feature):
    """Consolidation of what is known; `model` serves the specialists that name none of their own."""

    enabled: bool = True
    document_threshold: Annotated[int, Field(ge=1, le=1000)] = 50
    idle_timeout_minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    min_hours_between_dreams: Annotated[int, Field(ge=1, le=72)] = 8
    enabled_types: tuple[DreamKind, ...] = ("omni",)
    deduction_model: str | None = None
    induction_model: str | None = None
    max_output_tokens: Annotated[int, Field(ge=1, le=64_000)] = 16_384
    thinking_budget_tokens: Annotated[int, Field(ge=0, le=32_000)] = 8192
    max_tool_iterations: Annotated[int, Field(ge=1, le=50)] = 20
    history_token_limit: Annotated[int, Field(ge=1, le=200_000)] = 16_384
    max_tokens_per_dream: Annotated[int, Field(ge=1)] = Field(
        default=400_000, description="read and written by the model; then the dream ends with what it has"
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=780)] = Field(
        default=400, description="for each specialist; what does not fit into one function call goes on in the next"
    )
    surprisal: SurprisalSettings = SurprisalSettings()

    @model_validator(mode="after")
    def _there_is_room_to_answer(self) -> "DreamSettings":
        if self.max_output_tokens <= self.thinking_budget_tokens:
            raise ValueError("DREAM_MAX_OUTPUT_TOKENS must exceed DREAM_THINKING_BUDGET_TOKENS")
        return self


class VectorStoreSettings(Section):
    """Where vectors live."""

    type: Literal["pgvector"] = "pgvector"
    dimensions: Count = 1536


class QueueSettings(Section):
    """The SQS queues, one per kind of work, and how long their messages stay invisible to others."""

    derive_url: str = ""
    summary_url: str = ""
    dream_url: str = ""
    chores_url: str = ""
    visibility_seconds: Count = 540
    lease_seconds: Count = 90


class WebhookSettings(Section):
    """Whether and where events are delivered; without a secret, nowhere."""

    secret: SecretStr | None = None
    max_workspace_limit: Count = 10
    allow_private: bool = Field(default=False, description="for tests on one machine: lets tenants call your network")


class MetricsSettings(Section):
    """Whether GET /metrics answers."""

    enabled: bool = False


class OfflineSettings(Section):
    """Whether the rule-based offline model may stand in where no provider is configured."""

    enabled: bool = False


class Settings(Section):
    """Everything an operator may set."""

    app: AppSettings = AppSettings()
    db: DbSettings = DbSettings()
    auth: AuthSettings = AuthSettings()
    llm: LlmSettings = LlmSettings()
    deriver: DeriverSettings = DeriverSettings()
    peer_card: PeerCardSettings = PeerCardSettings()
    dialectic: DialecticSettings = DialecticSettings()
    summary: SummarySettings = SummarySettings()
    dream: DreamSettings = DreamSettings()
    vector_store: VectorStoreSettings = VectorStoreSettings()
    queue: QueueSettings = QueueSettings()
    webhook: WebhookSettings = WebhookSettings()
    metrics: MetricsSettings = MetricsSettings()
    offline: OfflineSettings = OfflineSettings()

    @model_validator(mode="after")
    def _auth_has_a_secret(self) -> "Settings":
        if self.auth.use_auth and self.auth.jwt_secret is None:
            raise ValueError("AUTH_JWT_SECRET is needed when AUTH_USE_AUTH is true")
        return self
