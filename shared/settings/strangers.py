"""Names that are not settings: those of the reference that mean nothing here, and those that were misspelt."""

import difflib
from functools import cache
from typing import Final

from shared.settings.knobs import by_variable, groups
from shared.settings.sections import Settings

# Settings of the reference without a counterpart: the beginning of the name, and why nothing listens to it.
_WITHOUT_MEANING: Final[dict[str, str]] = {
    "DERIVER_POLLING_BACKOFF_": "nothing polls here, a queue wakes the workers",
    "DERIVER_POLLING_SLEEP_MAX_": "nothing polls here, a queue wakes the workers",
    "DERIVER_POLLING_STARTUP_": "nothing polls here, a queue wakes the workers",
    "DERIVER_POLLING_JITTER_": "nothing polls here, a queue wakes the workers",
    "DERIVER_STALE_WORK_UNIT_": "work of a worker that vanished is found by its lease",
    "DERIVER_MODEL_CONFIG": "use DERIVER_PROVIDER and DERIVER_MODEL",
    "SUMMARY_MODEL_CONFIG": "use SUMMARY_PROVIDER and SUMMARY_MODEL",
    "DREAM_DEDUCTION_MODEL_CONFIG": "use DREAM_PROVIDER and DREAM_DEDUCTION_MODEL",
    "DREAM_INDUCTION_MODEL_CONFIG": "use DREAM_PROVIDER and DREAM_INDUCTION_MODEL",
    "EMBEDDING_MAX_PENDING_EMBED_TASKS": "embeddings are made by workers, never in the API",
    "EMBEDDING_MODEL_CONFIG__TRANSPORT": "use LLM_EMBEDDING_PROVIDER",
    "EMBEDDING_MODEL_CONFIG__MODEL": "use LLM_EMBEDDING_MODEL",
    "EMBEDDING_MODEL_CONFIG__OVERRIDES": "use the provider's key and base URL of the section llm",
    "LANGFUSE_EXPORTER_MODE": "LANGFUSE_PUBLIC_KEY alone turns tracing on",
    "PERFORMANCE_LOG_FORMAT": "logs are JSON lines",
    "TELEMETRY_TRACE_": "use REASONING_TRACES_FILE",
    "TRACE_VIEWER_": "there is no trace viewer",
}
# What begins like this can hardly be meant for anybody else; METRICS_ or QUEUE_ may belong to a neighbour.
_OURS: Final = (
    "DERIVER_", "DIALECTIC_", "DREAM_", "SUMMARY_", "PEER_CARD_", "LLM_", "EMBEDDING_", "VECTOR_STORE_", "WEBHOOK_",
)  # fmt: skip
_NEAR: Final = 0.84


def without_meaning(name: str) -> str | None:
    """Why a name of the reference has no effect here; None for any other name."""
    return next((why for start, why in _WITHOUT_MEANING.items() if name.upper().startswith(start)), None)


def unknown_variable(name: str, *, is_ours: bool) -> str | None:
    """How to go on after "X is not a setting", or None when the variable is none of our business.

    `is_ours`: it stands in a file of ours, where even a stranger's name is worth a word when it is near one of ours.
    """
    if not is_ours and not name.upper().startswith(_beginnings()):
        # Nothing is compared with what is plainly another's: every cold start would pay for it.
        return None
    near = difflib.get_close_matches(name.upper(), [*by_variable(), *groups()], n=1, cutoff=_NEAR)
    if near:
        return f": did you mean {near[0]}?"
    return "; config.toml.example lists them." if name.upper().startswith(_OURS) else None


@cache
def _beginnings() -> tuple[str, ...]:
    # The SDK of OpenTelemetry has dozens of variables of its own, some of them near ours.
    return tuple(f"{section.upper()}_" for section in Settings.model_fields if section not in ("app", "otel"))
