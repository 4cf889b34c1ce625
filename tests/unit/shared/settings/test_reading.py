"""Who said what, names that mean nothing, and the newer names of old settings."""

from pathlib import Path

import pytest

from shared.settings.reading import Source
from shared.settings.sources import Resolved, resolve


@pytest.fixture
def found(tmp_path: Path):
    def resolved(toml: str = "", dotenv: str = "", **env: str) -> Resolved:
        (tmp_path / "config.toml").write_text(toml)
        (tmp_path / ".env").write_text(dotenv)
        return resolve(env=env, folder=tmp_path)

    return resolved


def test_resolve_keeps_the_source_of_each_value(found):
    toml = "[deriver]\nmax_attempts = 1\n[dialectic.levels.low]\nmodel = 'a'\nmax_tool_iterations = 3\n"
    given = found(toml, "DERIVER_MAX_ATTEMPTS=2\nDB_SCHEMA=s", DIALECTIC_LEVELS__low__MODEL="b", DB_SCHEMA="").given
    sources = {".".join(keys): one.source for keys, one in given.items()}
    assert sources == {
        "deriver.max_attempts": Source.DOTENV,
        "db.schema": Source.DOTENV,
        "dialectic.levels.low.model": Source.ENVIRONMENT,
        "dialectic.levels.low.max_tool_iterations": Source.TOML,
    }


def test_resolve_lets_a_single_name_win_over_its_group(found):
    env = {"DREAM_SURPRISAL": '{"tree_k": 3, "sample_size": 9}', "DREAM_SURPRISAL__TREE_K": "7"}
    surprisal = found(**env).settings.dream.surprisal
    assert (surprisal.tree_k, surprisal.sample_size) == (7, 9)


def test_resolve_takes_outer_quotes_from_json(found):
    assert found(DREAM_ENABLED_TYPES="""'["card_refresh"]'""").settings.dream.enabled_types == ("card_refresh",)


@pytest.mark.parametrize(
    ("newer", "attribute"),
    [
        ("EMBEDDING_VECTOR_DIMENSIONS", "vector_store.dimensions"),
        ("EMBEDDING_MAX_INPUT_TOKENS", "app.max_embedding_tokens"),
        ("EMBEDDING_MAX_TOKENS_PER_REQUEST", "app.max_embedding_tokens_per_request"),
    ],
)
def test_resolve_knows_the_newer_names_of_old_settings(found, newer: str, attribute: str):
    section, key = attribute.split(".")
    by_toml = f"[embedding]\n{newer.removeprefix('EMBEDDING_').lower()} = 9000\n"
    for resolved in (found(**{newer: "9000"}), found(by_toml)):
        assert getattr(getattr(resolved.settings, section), key) == 9000


def test_resolve_takes_both_names_when_they_say_the_same(found):
    assert not found("[vector_store]\ndimensions = 768\n", EMBEDDING_VECTOR_DIMENSIONS="768").problems


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"DERIVER_MODLE": "x"}, "DERIVER_MODLE is not a setting: did you mean DERIVER_MODEL?"),
        ({"dotenv": "LOG_LEVL=x"}, "LOG_LEVL in .env is not a setting: did you mean LOG_LEVEL?"),
        ({"LLM_MISTRAL_KEY": "x"}, "LLM_MISTRAL_KEY is not a setting; config.toml.example lists them."),
        (
            {"DERIVER_POLLING_JITTER_RATIO": "0.1"},
            "DERIVER_POLLING_JITTER_RATIO has no effect here: nothing polls here, a queue wakes the workers.",
        ),
        (
            {"toml": "[telemetry]\ntrace_max_bytes = 5\n"},
            "[telemetry] trace_max_bytes has no effect here: use REASONING_TRACES_FILE.",
        ),
        (
            {"toml": "[trace_viewer]\nport = 5\n"},
            "[trace_viewer] in config.toml has no effect here: there is no trace viewer.",
        ),
    ],
)
def test_resolve_warns_of_names_that_do_nothing(found, source: dict[str, str], said: str):
    resolved = found(**source)
    assert (resolved.problems, resolved.warnings) == ((), (said,))


def test_resolve_has_nothing_to_say_about_the_variables_of_others(found):
    others = {
        "OTEL_TRACES_SAMPLER": "x",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "x",
        "METRICS_PORT": "1",
        "PATH": "x",
        "CACHE_DIR": "x",
        "API_TOKEN": "x",
        "LC_ALL": "C",
    }
    assert found(**others).warnings == ()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (
            {
                "LLM_ANTHROPIC_API_KEY": "k",
                "DERIVER_THINKING_BUDGET_TOKENS": "512",
                "SUMMARY_THINKING_BUDGET_TOKENS": "0",
            },
            "DERIVER_THINKING_BUDGET_TOKENS is 512, but provider anthropic takes at least 1024: it gets those.",
        ),
        (
            {"AUTH_USE_AUTH": "true", "AUTH_JWT_SECRET": "short"},
            "AUTH_JWT_SECRET is shorter than 32 characters, so that it can be found by guessing.",
        ),
    ],
)
def test_resolve_warns_of_what_is_hardly_meant(found, env: dict[str, str], said: str):
    assert found(**env).warnings == (said,)
