"""Every setting that the v3 service documents is there, under its name as a variable and its key in `config.toml`."""

from shared.settings.knobs import all_knobs

# By section; in `app` there is no prefix. `*` stands for each of the five levels.
DOCUMENTED = {
    "app": "log_level session_observers_limit get_context_max_tokens max_message_size max_file_size embed_messages "
    "max_embedding_tokens max_embedding_tokens_per_request namespace langfuse_host langfuse_public_key "
    "collect_metrics_local local_metrics_file reasoning_traces_file",
    "db": "connection_uri schema pool_pre_ping pool_size max_overflow pool_timeout pool_recycle pool_use_lifo "
    "sql_debug",
    "auth": "use_auth jwt_secret",
    "sentry": "enabled dsn environment traces_sample_rate profiles_sample_rate",
    "llm": "anthropic_api_key openai_api_key gemini_api_key groq_api_key openai_compatible_api_key "
    "openai_compatible_base_url vllm_api_key vllm_base_url default_max_tokens embedding_provider "
    "max_tool_output_chars max_message_content_chars",
    "deriver": "enabled workers polling_sleep_interval_seconds stale_session_timeout_minutes "
    "queue_error_retention_seconds provider model max_output_tokens thinking_budget_tokens temperature "
    "max_input_tokens deduplicate log_observations working_representation_max_observations "
    "representation_batch_max_tokens",
    "peer_card": "enabled",
    "dialectic": "max_output_tokens max_input_tokens history_token_limit session_history_max_tokens",
    "dialectic.levels.*": "provider model thinking_budget_tokens max_tool_iterations max_output_tokens tool_choice",
    "summary": "enabled provider model max_tokens_short max_tokens_long thinking_budget_tokens "
    "messages_per_short_summary messages_per_long_summary",
    "dream": "enabled document_threshold idle_timeout_minutes min_hours_between_dreams enabled_types provider model "
    "max_output_tokens thinking_budget_tokens max_tool_iterations history_token_limit deduction_model induction_model",
    "dream.surprisal": "enabled tree_type tree_k sampling_strategy sample_size top_percent_surprisal "
    "min_high_surprisal_for_replace include_levels",
    "cache": "enabled url namespace default_ttl_seconds default_lock_ttl_seconds",
    "webhook": "secret max_workspace_limit",
    "vector_store": "type migrated namespace dimensions turbopuffer_api_key turbopuffer_region lancedb_path",
    "metrics": "enabled namespace",
    "telemetry": "enabled endpoint headers batch_size flush_interval_seconds max_retries max_buffer_size",
    "otel": "enabled",
}


def test_every_documented_setting_is_there_under_its_key():
    known = {knob.keys for knob in all_knobs()}
    wanted = {(*section.split("."), key) for section, keys in DOCUMENTED.items() for key in keys.split()}
    levels = ("minimal", "low", "medium", "high", "max")
    each = {tuple(level if part == "*" else part for part in keys) for keys in wanted for level in levels}
    assert each - known == set()


def test_variables_are_made_of_section_and_key_with_two_underscores_inside():
    variables = {".".join(knob.keys): knob.variable for knob in all_knobs()}
    assert variables["app.log_level"] == "LOG_LEVEL"
    assert variables["db.schema"] == "DB_SCHEMA"
    assert variables["dialectic.levels.max.tool_choice"] == "DIALECTIC_LEVELS__max__TOOL_CHOICE"
    assert variables["dream.surprisal.tree_k"] == "DREAM_SURPRISAL__TREE_K"
    assert variables["embedding.model_config.timeout"] == "EMBEDDING_MODEL_CONFIG__TIMEOUT"
