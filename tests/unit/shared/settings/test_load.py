"""Where settings come from, and what is said when they are wrong."""

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from shared.settings import Settings, load
from shared.settings.sources import SettingsInvalid


@pytest.fixture
def folder(tmp_path: Path):
    """Writes `.env` and `config.toml`, and loads what they and the environment say."""

    def loaded(toml: str = "", dotenv: str = "", **env: str) -> Settings:
        (tmp_path / "config.toml").write_text(toml)
        (tmp_path / ".env").write_text(dotenv)
        return load(env=env, folder=tmp_path)

    return loaded


def test_load_of_nothing_gives_the_defaults(tmp_path: Path):
    assert load(env={}, folder=tmp_path) == Settings()


def test_load_of_a_file_that_cannot_be_read_says_which(folder):
    with pytest.raises(SettingsInvalid, match=r"config\.toml cannot be read"):
        folder("[deriver\n")


def test_load_prefers_environment_over_dotenv_over_toml_over_defaults(folder):
    toml = "[deriver]\nqueue_error_retention_seconds = 1\nmax_attempts = 1\ntimeout_seconds = 1\n"
    dotenv = "DERIVER_QUEUE_ERROR_RETENTION_SECONDS=2\nDERIVER_MAX_ATTEMPTS=2\n"
    found = folder(toml, dotenv, DERIVER_QUEUE_ERROR_RETENTION_SECONDS="3").deriver
    defaults = Settings().deriver
    assert (found.queue_error_retention_seconds, found.max_attempts, found.timeout_seconds) == (3, 2, 1)
    assert found.max_input_tokens == defaults.max_input_tokens


def test_load_takes_an_empty_value_for_not_set(folder):
    found = folder(
        '[llm]\nvllm_base_url = ""\n', "DERIVER_MAX_ATTEMPTS=4", DERIVER_MAX_ATTEMPTS="", LLM_GROQ_API_KEY=""
    )
    assert found.deriver.max_attempts == 4
    assert (found.llm.vllm_base_url, found.llm.groq_api_key) == (None, None)


def test_load_reads_below_a_name_that_python_has_taken(folder):
    assert folder("", "", EMBEDDING_MODEL_CONFIG__TIMEOUT="2.5").embedding.model.timeout == 2.5
    assert folder("[embedding.model_config]\nmax_batch_size = 7\n").embedding.model.max_batch_size == 7


@pytest.mark.parametrize("section", ["cache", "vector_store", "metrics", "telemetry"])
def test_namespace_of_a_section_is_its_own_else_that_of_the_service(folder, section):
    assert folder("", "", NAMESPACE="house").namespace(section) == "house"
    assert folder(f'[{section}]\nnamespace = "own"\n', "", NAMESPACE="house").namespace(section) == "own"


def test_load_reads_names_without_regard_to_case(folder):
    assert folder("", "", deriver_max_attempts="7").deriver.max_attempts == 7
    assert folder("[deriver]\nMAX_ATTEMPTS = 8\n").deriver.max_attempts == 8


def test_load_reads_the_app_section_without_a_prefix(folder):
    assert folder("[app]\nmax_file_size = 9\n", "", LOG_LEVEL="DEBUG", MAX_MESSAGE_SIZE="10").app.log_level == "DEBUG"
    found = folder("[app]\nmax_file_size = 9\n", "", MAX_MESSAGE_SIZE="10").app
    assert (found.max_file_size, found.max_message_size) == (9, 10)


def test_load_reads_the_schema_under_its_documented_name(folder):
    assert folder("", "", DB_SCHEMA="honcho").db.db_schema == "honcho"
    assert folder('[db]\nschema = "honcho"\n').db.db_schema == "honcho"


def test_load_changes_single_leaves_of_a_level_and_keeps_the_others(folder):
    toml = '[dialectic.levels.low]\nmodel = "from-toml"\nmax_tool_iterations = 3\n'
    env = {"DIALECTIC_LEVELS__low__MODEL": "from-env", "DIALECTIC_LEVELS__MAX__PROVIDER": "groq"}
    levels = folder(toml, "", LLM_GROQ_API_KEY="k", **env)
    found, defaults = levels.dialectic.levels, Settings().dialectic.levels
    assert (found["low"].model, found["low"].max_tool_iterations) == ("from-env", 3)
    assert found["low"].tool_choice == defaults["low"].tool_choice == "any"
    assert (found["max"].provider, found["max"].max_tool_iterations) == ("groq", 10)
    assert found["minimal"] == defaults["minimal"]


def test_load_reads_the_origins_as_a_list(folder):
    assert Settings().app.cors_origins[0] == "http://localhost"
    found = folder("", "", CORS_ORIGINS='["https://a.example", "https://b.example"]')
    assert found.app.cors_origins == ("https://a.example", "https://b.example")
    assert folder('[app]\ncors_origins = ["https://c.example"]\n', "").app.cors_origins == ("https://c.example",)


def test_load_reads_a_whole_level_as_json(folder):
    found = folder("", "", DIALECTIC_LEVELS='{"low": {"max_tool_iterations": 9}}').dialectic.levels["low"]
    assert (found.max_tool_iterations, found.tool_choice) == (9, "any")


def test_secrets_do_not_show_when_settings_are_printed(folder):
    found = folder("", "", LLM_OPENAI_API_KEY="sk-hunter2", DB_CONNECTION_URI="postgresql://u:hunter2@h/d")
    assert "hunter2" not in repr(found) + str(found)


def test_dsn_is_the_address_without_the_drivers_name(folder):
    found = folder("", "", DB_CONNECTION_URI="postgresql+psycopg://u:p@h:1/d").db
    assert found.dsn == "postgresql://u:p@h:1/d"


@pytest.mark.parametrize(
    ("address", "dsn"),
    [
        ("postgresql+psycopg://app@h:1/d?sslmode=require", "postgresql://app:a%2Fb%40c@h:1/d?sslmode=require"),
        ("postgresql://app@h1:1,h2:2/d", "postgresql://app:a%2Fb%40c@h1:1,h2:2/d"),
        ("postgresql://h/d?user=app", "postgresql://:a%2Fb%40c@h/d?user=app"),
    ],
)
def test_dsn_takes_up_the_password_that_the_address_has_not(folder, address: str, dsn: str):
    found = folder("", "", DB_CONNECTION_URI=address, DB_PASSWORD="a/b@c").db
    assert found.dsn == dsn
    assert conninfo_to_dict(found.dsn)["password"] == "a/b@c"


@pytest.mark.parametrize(
    ("env", "gate", "window"),
    [
        ({}, 1024, 1024),
        ({"DERIVER_REPRESENTATION_BATCH_MAX_TOKENS": "2048"}, 2048, 2048),
        ({"DERIVER_REPRESENTATION_BATCH_WORK_UNIT_TARGET_TOKENS": "0"}, 0, 1024),
        ({"DERIVER_REPRESENTATION_BATCH_TARGET_INPUT_TOKENS": "4096"}, 1024, 4096),
        ({"DERIVER_FLUSH_ENABLED": "true"}, 0, 1024),
    ],
)
def test_gate_and_window_come_from_one_setting_unless_told_apart(folder, env: dict[str, str], gate: int, window: int):
    found = folder("", "", **env).deriver
    assert (found.gate_tokens, found.window_tokens) == (gate, window)


def test_load_reads_lists_and_nested_names_of_dreams(folder):
    found = folder(
        '[dream]\nenabled_types = ["card_refresh"]\n[dream.surprisal]\ntree_k = 3\n',
        "",
        DREAM_SURPRISAL__ENABLED="true",
        DREAM_SURPRISAL__INCLUDE_LEVELS='["explicit"]',
    ).dream
    assert found.enabled_types == ("card_refresh",)
    assert (found.surprisal.enabled, found.surprisal.tree_k) == (True, 3)
    assert found.surprisal.include_levels == ("explicit",)


def test_load_reads_files_that_begin_with_the_mark_of_their_encoding(tmp_path: Path):
    (tmp_path / "config.toml").write_text("[app]\nnamespace = 'größe'\n", encoding="utf-8-sig")
    (tmp_path / ".env").write_text("LLM_OPENAI_API_KEY=here\r\n", encoding="utf-8-sig")
    found = load(env={}, folder=tmp_path)
    assert found.app.namespace == "größe"
    assert found.llm.openai_api_key is not None
    assert found.llm.openai_api_key.get_secret_value() == "here"
