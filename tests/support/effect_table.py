"""For every setting another value and what shows it, or the test that shows it elsewhere, or who still owes it."""

from typing import Final, get_args

from shared.settings.models import ReasoningLevel
from tests.support import effect_views as see
from tests.support.effects import Effect

LEVELS: Final[tuple[ReasoningLevel, ...]] = get_args(ReasoningLevel)
_KEYS = {f"LLM_{vendor}_API_KEY": "k" for vendor in ("OPENAI", "ANTHROPIC", "GEMINI", "GROQ", "VLLM")}
_SERVERS = {"LLM_OPENAI_COMPATIBLE_BASE_URL": "http://here/v1", "LLM_OPENAI_COMPATIBLE_API_KEY": "k"}
_GUARDED = {"AUTH_USE_AUTH": "true", "AUTH_JWT_SECRET": "a secret that nobody can guess, ever"}
_SURPRISING = {"DREAM_SURPRISAL__ENABLED": "true", "DREAM_SURPRISAL__TREE_K": "3"}
_GATED = {"DERIVER_FLUSH_ENABLED": "false"}

_APP: Final = {
    "LOG_LEVEL": Effect("error", see.threshold_of_logs),
    "SESSION_OBSERVERS_LIMIT": Effect("1", see.two_observers),
    "GET_CONTEXT_MAX_TOKENS": Effect("10", see.context_of_twenty_tokens),
    "MAX_MESSAGE_SIZE": Effect("5", see.message_of_six_letters),
    "MAX_FILE_SIZE": Effect("5", see.file_of_six_letters),
    "IDEMPOTENCY_KEY_HOURS": Effect("1", see.life_of_an_idempotency_key),
    "EMBED_MESSAGES": Effect("false", lambda scene: scene.indexes("I live in Porto.")),
    "MAX_EMBEDDING_TOKENS": Effect("4", lambda scene: len(scene.indexes("one two three four five six seven eight"))),
    "MAX_EMBEDDING_TOKENS_PER_REQUEST": Effect("9000", see.models),
    "NAMESPACE": Effect("other", see.namespaces),
    "CORS_ORIGINS": Effect('["https://a.example"]', see.origins_let_in),
    "API_DOCS_ENABLED": Effect("false", see.documentation),
    "API_MAX_BODY_BYTES": Effect("1024", see.body_of_two_kilobytes),
    "API_MAX_WAITING": Effect("1", see.waiting_at_the_door, {"API_MAX_WAIT_SECONDS": "0.05"}),
    "API_MAX_WAIT_SECONDS": Effect("0.05", see.patience_at_the_door),
    "DB_PREPARE_THRESHOLD": Effect("0", see.prepared_statements),
    "DB_PIPELINE": Effect("false", see.pipeline),
    "AUTH_USE_AUTH": Effect("false", see.reading_without_a_key, _GUARDED),
    "AUTH_JWT_SECRET": Effect("another secret that nobody can guess", see.what_a_key_opens, _GUARDED),
    "METRICS_ENABLED": Effect("true", see.metrics),
    "WEBHOOK_MAX_WORKSPACE_LIMIT": Effect("1", see.two_endpoints),
    "WEBHOOK_ALLOW_PRIVATE": Effect("true", see.private_endpoint),
    "OFFLINE_ENABLED": Effect("false", see.models),
    "VECTOR_STORE_NAMESPACE": Effect("other", see.namespaces),
    **{
        f"BUDGET_{kind}_USD_PER_{period}": Effect("5", see.budget)
        for kind in ("SOFT", "HARD")
        for period in ("DAY", "MONTH")
    },
}
_REACH: Final = {
    **{f"LLM_{vendor}_API_KEY": Effect("other", see.models) for vendor in ("ANTHROPIC", "OPENAI", "GEMINI", "GROQ")},
    **{
        f"LLM_{vendor}_BASE_URL": Effect("http://there", see.models, {f"LLM_{vendor}_API_KEY": "k"})
        for vendor in ("ANTHROPIC", "OPENAI", "GEMINI", "GROQ")
    },
    "LLM_OPENAI_COMPATIBLE_API_KEY": Effect("other", see.models, _SERVERS),
    "LLM_OPENAI_COMPATIBLE_BASE_URL": Effect("http://there/v1", see.models, _SERVERS),
    "LLM_VLLM_API_KEY": Effect("other", see.models, {"LLM_VLLM_BASE_URL": "http://here/v1"}),
    "LLM_VLLM_BASE_URL": Effect("http://here/v1", see.models, {"LLM_VLLM_API_KEY": "k"}),
    "LLM_DEFAULT_MODEL": Effect("other", see.models, _SERVERS),
    "LLM_EMBEDDING_PROVIDER": Effect("offline", see.models, _KEYS),
    "LLM_EMBEDDING_MODEL": Effect("other", see.models, _KEYS),
    "LLM_MAX_TOOL_OUTPUT_CHARS": Effect("80", see.what_a_tool_says),
    "LLM_MAX_MESSAGE_CONTENT_CHARS": Effect("12", see.what_a_tool_says),
    "VECTOR_STORE_DIMENSIONS": Effect("768", see.models, _KEYS),
}


def _feature(prefix: str) -> dict[str, Effect]:
    """The four settings that every feature has."""
    return {
        f"{prefix}_PROVIDER": Effect("groq", see.models, _KEYS),
        f"{prefix}_MODEL": Effect("other", see.models, _KEYS),
        f"{prefix}_BACKUP_PROVIDER": Effect("groq", see.models, {**_KEYS, f"{prefix}_BACKUP_MODEL": "spare"}),
        f"{prefix}_BACKUP_MODEL": Effect("other", see.models, {**_KEYS, f"{prefix}_BACKUP_PROVIDER": "groq"}),
    }


_DERIVER: Final = {
    **_feature("DERIVER"),
    "DERIVER_ENABLED": Effect("false", lambda scene: len(scene.derives())),
    "DERIVER_WORKERS": Effect("3", see.deriver_environments),
    "DERIVER_STALE_SESSION_TIMEOUT_MINUTES": Effect("5", see.lease),
    "DERIVER_QUEUE_ERROR_RETENTION_SECONDS": Effect("60", see.parked_after_two_minutes),
    "DERIVER_MAX_OUTPUT_TOKENS": Effect("2000", see.derivation("max_output_tokens")),
    "DERIVER_THINKING_BUDGET_TOKENS": Effect("0", see.derivation("thinking_budget_tokens")),
    "DERIVER_TEMPERATURE": Effect("0.5", see.derivation("temperature")),
    "DERIVER_TIMEOUT_SECONDS": Effect("30", see.derivation("timeout_s")),
    "DERIVER_MAX_CUSTOM_INSTRUCTIONS_TOKENS": Effect("1", see.long_instructions),
    "DERIVER_DEDUPLICATE": Effect("false", see.conclusions_of_the_same_meaning),
    "DERIVER_LOG_OBSERVATIONS": Effect("true", see.texts_in_logs),
    "DERIVER_WORKING_REPRESENTATION_MAX_OBSERVATIONS": Effect("1", see.size_of_a_representation),
    "DERIVER_REPRESENTATION_BATCH_MAX_TOKENS": Effect("128", see.gate_and_window, _GATED),
    "DERIVER_REPRESENTATION_BATCH_WORK_UNIT_TARGET_TOKENS": Effect("0", see.gate_and_window, _GATED),
    "DERIVER_REPRESENTATION_BATCH_TARGET_INPUT_TOKENS": Effect("128", see.gate_and_window, _GATED),
    "DERIVER_REPRESENTATION_BATCH_MAX_AGE_SECONDS": Effect("60", see.gate_and_window, _GATED),
    "DERIVER_FLUSH_ENABLED": Effect("true", lambda scene: len(scene.derives()), _GATED),
    "PEER_CARD_ENABLED": Effect("false", see.use_of_a_card),
}
_SUMMARY: Final = {
    **_feature("SUMMARY"),
    "SUMMARY_ENABLED": Effect("false", lambda scene: len(scene.summarizes(20))),
    "SUMMARY_MAX_TOKENS_SHORT": Effect("600", see.summary("summary_short", "max_output_tokens")),
    "SUMMARY_MAX_TOKENS_LONG": Effect("600", see.summary("summary_long", "max_output_tokens")),
    "SUMMARY_THINKING_BUDGET_TOKENS": Effect("0", see.summary("summary_short", "thinking_budget_tokens")),
    "SUMMARY_TIMEOUT_SECONDS": Effect("30", see.summary("summary_short", "timeout_s")),
    "SUMMARY_MESSAGES_PER_SHORT_SUMMARY": Effect("10", lambda scene: len(scene.summarizes())),
    "SUMMARY_MESSAGES_PER_LONG_SUMMARY": Effect("30", lambda scene: len(scene.summarizes())),
}


def _level(level: ReasoningLevel) -> dict[str, Effect]:
    prefix = f"DIALECTIC_LEVELS__{level}_"
    choice = "auto" if level in ("minimal", "low") else "any"
    return {
        **_feature(prefix),
        f"{prefix}_THINKING_BUDGET_TOKENS": Effect("200", see.question(level, "thinking_budget_tokens")),
        f"{prefix}_MAX_TOOL_ITERATIONS": Effect("3", see.rounds_of_a_question(level)),
        f"{prefix}_MAX_OUTPUT_TOKENS": Effect("3000", see.question(level, "max_output_tokens")),
        f"{prefix}_TOOL_CHOICE": Effect(choice, see.question(level, "choice")),
    }


_DIALECTIC: Final = {
    "DIALECTIC_MAX_OUTPUT_TOKENS": Effect("4000", see.question("low", "max_output_tokens")),
    "DIALECTIC_MAX_INPUT_TOKENS": Effect("1500", see.size_of_a_long_conversation),
    "DIALECTIC_HISTORY_TOKEN_LIMIT": Effect("30", see.history_a_tool_shows),
    "DIALECTIC_SESSION_HISTORY_MAX_TOKENS": Effect("0", see.prompt_of_a_question),
    "DIALECTIC_TIMEOUT_SECONDS": Effect("30", see.patience_of_a_question),
    **{name: effect for level in LEVELS for name, effect in _level(level).items()},
}
_DREAM: Final = {
    **_feature("DREAM"),
    "DREAM_ENABLED": Effect("false", see.rhythm_of_dreams),
    "DREAM_DOCUMENT_THRESHOLD": Effect("5", see.rhythm_of_dreams),
    "DREAM_IDLE_TIMEOUT_MINUTES": Effect("5", see.rhythm_of_dreams),
    "DREAM_MIN_HOURS_BETWEEN_DREAMS": Effect("1", see.rhythm_of_dreams),
    "DREAM_DEDUCTION_MODEL": Effect("other", see.models, _KEYS),
    "DREAM_INDUCTION_MODEL": Effect("other", see.models, _KEYS),
    "DREAM_MAX_OUTPUT_TOKENS": Effect("9000", see.dreaming("max_output_tokens")),
    "DREAM_THINKING_BUDGET_TOKENS": Effect("0", see.dreaming("thinking_budget_tokens")),
    "DREAM_TIMEOUT_SECONDS": Effect("100", see.patience_of_a_dream),
    "DREAM_MAX_TOOL_ITERATIONS": Effect("2", see.rounds_of_a_dream),
    "DREAM_SURPRISAL__ENABLED": Effect("true", see.surprises, {"DREAM_SURPRISAL__TREE_K": "3"}),
    "DREAM_SURPRISAL__TREE_K": Effect("9", see.surprises, _SURPRISING),
    "DREAM_SURPRISAL__SAMPLE_SIZE": Effect("4", see.surprises, _SURPRISING),
    "DREAM_SURPRISAL__TOP_PERCENT_SURPRISAL": Effect("0.5", see.surprises, _SURPRISING),
    "DREAM_SURPRISAL__INCLUDE_LEVELS": Effect('["deductive"]', see.surprises, _SURPRISING),
}
_QUEUE: Final = {
    "QUEUE_LEASE_SECONDS": Effect("100", see.lease),
    "QUEUE_VISIBILITY_SECONDS": Effect("2000", see.wake_ups_sent_again),
}

EFFECTS: Final[dict[str, Effect]] = {
    **_APP,
    **_REACH,
    **_DERIVER,
    **_SUMMARY,
    **_DIALECTIC,
    **_DREAM,
    **_QUEUE,
}

# Where a whole test is needed: a file and the function in it.
_POOL, _DATABASE = "tests/integration/shared/store/test_pool.py", "tests/integration/shared/store/test_database.py"
_EMBEDDINGS, _SURPRISAL = (
    "tests/contract/openai/test_embedding_settings.py",
    "tests/integration/shared/reasoning/test_surprisal.py",
)
_SAFETY, _CACHED = (
    "tests/integration/shared/reasoning/test_dream_safety.py",
    "tests/integration/shared/memory/test_cached.py",
)
_SQS, _HOOKS = "tests/contract/aws/test_work_queue.py", "tests/integration/shared/memory/test_webhooks.py"
_OPENING, _TURBOPUFFER = "tests/unit/shared/vectors/test_opening.py", "tests/contract/vectors/test_turbopuffer.py"
_METER = "tests/integration/shared/memory/test_metering.py"
_TIMER = "tests/contract/aws/test_timer.py::test_timer_moves_the_schedule_of_its_settings_and_no_other"
_SENT = f"{_SQS}::test_send_brings_each_wake_up_once_however_often_it_is_sent"
_OPENED = f"{_CACHED}::test_open_cache_takes_what_the_settings_say"
_LOCKED = f"{_CACHED}::test_open_cache_locks_and_looks_again_as_the_settings_say"
_OUTLETS: Final = "tests/unit/shared/telemetry/test_outlets.py::test_setting_opens_its_outlet_and_nothing_else"
_TOLD: Final = "tests/contract/telemetry"
_SHIPPED: Final = "tests/unit/shared/telemetry/test_shipper.py"
_PLANTED: Final = "tests/e2e/test_canary.py"
ELSEWHERE: Final[dict[str, str]] = {
    "LANGFUSE_HOST": f"{_TOLD}/test_langfuse.py::test_run_arrives_with_its_calls_and_no_content",
    "LANGFUSE_PUBLIC_KEY": f"{_TOLD}/test_langfuse.py::test_run_arrives_with_its_calls_and_no_content",
    "LANGFUSE_SECRET_KEY": f"{_TOLD}/test_langfuse.py::test_run_arrives_with_its_calls_and_no_content",
    "LANGFUSE_CONTENT": f"{_TOLD}/test_langfuse.py::test_content_is_sent_when_the_operator_says_so",
    "COLLECT_METRICS_LOCAL": _OUTLETS,
    "LOCAL_METRICS_FILE": f"{_PLANTED}::test_nothing_planted_is_found_in",
    "REASONING_TRACES_FILE": f"{_PLANTED}::test_file_of_reasoning_traces_alone_has_content_and_is_its_owners",
    "METRICS_NAMESPACE": "tests/unit/shared/telemetry/test_metrics.py::test_series_that_are_known_begin_at_zero",
    "TELEMETRY_ENABLED": _OUTLETS,
    "TELEMETRY_ENDPOINT": f"{_PLANTED}::test_nothing_planted_is_found_in",
    "TELEMETRY_HEADERS": f"{_TOLD}/test_cloud_events.py::test_one_event_is_sent_alone_and_several_as_a_batch",
    "TELEMETRY_BATCH_SIZE": f"{_SHIPPED}::test_flush_sends_what_waits_in_batches_and_in_order",
    "TELEMETRY_FLUSH_INTERVAL_SECONDS": f"{_SHIPPED}::test_threshold_and_interval_send_without_a_flush",
    "TELEMETRY_FLUSH_THRESHOLD": f"{_SHIPPED}::test_threshold_and_interval_send_without_a_flush",
    "TELEMETRY_MAX_RETRIES": f"{_SHIPPED}::test_receiver_that_stays_away_keeps_its_batch_and_is_left_alone_for_a_while",
    "TELEMETRY_MAX_BUFFER_SIZE": f"{_SHIPPED}::test_full_buffer_gives_up_the_oldest_and_says_so",
    "TELEMETRY_NAMESPACE": f"{_TOLD}/test_cloud_events.py::test_envelope_has_what_the_specification_asks_for",
    "TELEMETRY_HIGH_VOLUME_SAMPLE_RATE": f"{_TOLD}/test_cloud_events.py"
    "::test_frequent_kinds_are_sampled_by_run_and_others_never",
    "OTEL_ENABLED": _OUTLETS,
    "OTEL_EXPORTER_OTLP_ENDPOINT": f"{_TOLD}/test_otlp.py::test_spans_arrive_with_our_ids_parents_links_and_attributes",
    "OTEL_EXPORTER_OTLP_HEADERS": f"{_TOLD}/test_otlp.py::test_spans_arrive_with_our_ids_parents_links_and_attributes",
    "OTEL_SERVICE_NAME": f"{_TOLD}/test_otlp.py::test_service_is_called_what_the_operator_says",
    "SENTRY_ENABLED": _OUTLETS,
    "SENTRY_DSN": f"{_TOLD}/test_sentry.py::test_unexpected_error_arrives_with_its_place_and_without_its_text",
    "SENTRY_RELEASE": f"{_TOLD}/test_sentry.py::test_release_is_the_operators_or_else_our_version",
    "SENTRY_ENVIRONMENT": f"{_TOLD}/test_sentry.py::test_unexpected_error_arrives_with_its_place_and_without_its_text",
    "SENTRY_TRACES_SAMPLE_RATE": f"{_TOLD}/test_sentry.py::test_share_of_transactions_is_the_operators",
    "SENTRY_PROFILES_SAMPLE_RATE": f"{_TOLD}/test_sentry.py::test_profile_goes_with_its_transaction_when_wanted",
    "DB_CONNECTION_URI": f"{_DATABASE}::test_database_that_is_not_there_is_an_outage_with_a_time_to_come_back",
    "DB_PASSWORD": f"{_DATABASE}::test_password_of_its_own_opens_an_address_that_has_none",
    "DB_CONNECT_TIMEOUT_SECONDS": "tests/integration/functions/api/test_connections.py"
    "::test_database_that_takes_calls_and_says_nothing_is_503_in_the_time_allowed",
    "DB_APP_PASSWORD": "tests/integration/functions/migrate/test_custom_resource.py"
    "::test_update_changes_the_password_and_keeps_the_id",
    "DB_SCHEMA": f"{_DATABASE}::test_schema_other_than_the_usual_comes_first_on_the_path",
    "DB_POOL_SIZE": f"{_DATABASE}::test_connections_are_lent_to_one_at_a_time_and_no_more_than_the_pool_holds",
    "DB_MAX_OVERFLOW": f"{_POOL}::test_pool_overflow_is_lent_once_and_closed",
    "DB_POOL_CLASS": f"{_POOL}::test_pool_of_class_null_keeps_nothing",
    "DB_POOL_PRE_PING": f"{_POOL}::test_pool_asks_a_rested_connection_unless_told_not_to",
    "DB_POOL_TIMEOUT": f"{_POOL}::test_pool_that_is_used_up_is_waited_for_as_long_as_the_settings_say",
    "DB_POOL_RECYCLE": f"{_POOL}::test_pool_recycles_what_was_opened_too_long_ago",
    "DB_POOL_USE_LIFO": f"{_POOL}::test_pool_lends_the_newest_or_the_oldest",
    "DB_SQL_DEBUG": f"{_POOL}::test_statements_are_told_without_their_values_when_asked_for",
    "DB_TRACING": f"{_POOL}::test_connections_carry_the_name_of_the_work_when_asked_for",
    "AUTH_JWT_SECRET_PREVIOUS": "tests/unit/shared/memory/test_keys.py"
    "::test_key_of_the_previous_secret_is_accepted_and_new_ones_are_signed_with_the_present_one",
    "CACHE_ENABLED": f"{_CACHED}::test_cache_that_is_off_keeps_nothing_anywhere",
    **dict.fromkeys(["CACHE_URL", "CACHE_NAMESPACE", "CACHE_DEFAULT_TTL_SECONDS"], _OPENED),
    **dict.fromkeys(["CACHE_DEFAULT_LOCK_TTL_SECONDS", "CACHE_LOCK_WAIT_CHECK_INTERVAL_SECONDS"], _LOCKED),
    "CACHE_CLUSTER": f"{_CACHED}::test_open_cache_of_a_cluster_that_is_none_serves_without_a_cache",
    "LLM_DEFAULT_MAX_TOKENS": "tests/contract/openai/test_doctor.py"
    "::test_doctor_of_a_capable_model_asks_it_twice_for_all_features",
    "EMBEDDING_MAX_CONCURRENT_EMBEDDINGS": f"{_EMBEDDINGS}::test_embed_asks_for_several_batches_at_once_when_it_may",
    "EMBEDDING_MODEL_CONFIG__DIMENSIONS_MODE": f"{_EMBEDDINGS}::test_embed_sends_dimensions_as_it_is_told",
    "EMBEDDING_MODEL_CONFIG__ENCODING_FORMAT_MODE": f"{_EMBEDDINGS}::test_embed_asks_for_the_encoding_it_is_told",
    "EMBEDDING_MODEL_CONFIG__MAX_BATCH_SIZE": f"{_EMBEDDINGS}::test_embed_sends_no_more_inputs_than_it_is_told",
    "EMBEDDING_MODEL_CONFIG__TIMEOUT": f"{_EMBEDDINGS}::test_embed_waits_no_longer_than_it_is_told",
    "DERIVER_POLLING_SLEEP_INTERVAL_SECONDS": "tests/unit/infra/local/test_schedule.py"
    "::test_schedule_looks_as_often_as_it_is_told",
    "DERIVER_MAX_INPUT_TOKENS": "tests/integration/shared/reasoning/test_derive_input.py"
    "::test_context_gives_way_before_the_prompt_grows_beyond_its_cap",
    "DERIVER_MAX_ATTEMPTS": "tests/e2e/test_parked.py::test_parked_poison_is_listed_retried_and_dropped",
    "DREAM_ENABLED_TYPES": "tests/integration/shared/memory/test_dreams.py::test_release_asks_for_each_enabled_kind",
    "DREAM_HISTORY_TOKEN_LIMIT": f"{_SAFETY}::test_dream_lays_out_no_more_than_half_of_what_may_be_read",
    "DREAM_MAX_TOKENS_PER_DREAM": f"{_SAFETY}::test_dream_that_never_ends_is_stopped_by_its_tokens",
    # Both trees find the very same neighbours; what only approximates them is refused at start.
    "DREAM_SURPRISAL__TREE_TYPE": f"{_SURPRISAL}::test_surprising_is_what_lies_far_from_the_rest",
    "DREAM_SURPRISAL__SAMPLING_STRATEGY": f"{_SURPRISAL}"
    "::test_samples_hold_the_newest_any_or_some_of_every_time_and_nothing_deleted",
    "DREAM_SURPRISAL__MIN_HIGH_SURPRISAL_FOR_REPLACE": f"{_SURPRISAL}"
    "::test_dream_with_enough_surprises_shows_only_these_and_what_lies_near",
    **dict.fromkeys([f"QUEUE_{kind}_URL" for kind in ("DERIVE", "SUMMARY", "DREAM", "CHORES")], _SENT),
    **dict.fromkeys(["TICK_SCHEDULE", "TICK_SCHEDULE_GROUP"], _TIMER),
    "VECTOR_STORE_TYPE": f"{_OPENING}::test_external_store_is_written_beside_postgres_until_it_is_migrated",
    "VECTOR_STORE_MIGRATED": f"{_OPENING}::test_external_store_is_written_beside_postgres_until_it_is_migrated",
    "VECTOR_STORE_TURBOPUFFER_API_KEY": f"{_TURBOPUFFER}::test_wrong_key_names_the_setting",
    "VECTOR_STORE_TURBOPUFFER_REGION": f"{_TURBOPUFFER}::test_no_address_is_called_without_a_region",
    "VECTOR_STORE_TURBOPUFFER_BASE_URL": f"{_TURBOPUFFER}"
    "::test_conclusions_go_to_the_workspaces_own_namespace_with_their_attributes",
    "VECTOR_STORE_TURBOPUFFER_TEXT": f"{_OPENING}::test_texts_are_sent_to_turbopuffer_only_when_that_is_asked_for",
    "VECTOR_STORE_LANCEDB_PATH": "tests/contract/vectors/test_lancedb.py"
    "::test_what_another_process_wrote_is_found_at_once",
    "VECTOR_STORE_RECONCILIATION_INTERVAL_SECONDS": "tests/integration/shared/memory/test_vector_upkeep.py"
    "::test_pause_of_what_is_refused_is_what_the_settings_say",
    "USAGE_ENABLED": f"{_METER}::test_usage_that_is_switched_off_records_nothing",
    "USAGE_RETENTION_DAYS": f"{_METER}::test_tick_puts_old_calls_into_the_sums_of_their_days",
    "USAGE_PRICES_FILE": "tests/integration/functions/api/test_usage.py"
    "::test_chat_without_room_in_the_budget_is_402_with_a_sentence",
    "CANARY_ENABLED": "tests/e2e/test_canary_memory.py::test_canary_of_a_running_stack_is_heard_and_forgotten",
    "CANARY_MINUTES": "tests/integration/shared/memory/test_canary.py"
    "::test_canary_that_is_heard_too_late_is_not_well_and_then_is",
    "WEBHOOK_SECRET": f"{_HOOKS}::test_derive_when_nobody_listens_or_nothing_could_be_signed_owes_nothing",
}

# Accepted by name, still without an effect, and who brings it. Empty in the end.
OWED: Final[dict[str, tuple[str, ...]]] = {}
