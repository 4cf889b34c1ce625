"""What the doctor says about models, through the genuine SDK and a server that speaks the vendor's protocol."""

from pathlib import Path

import pytest

from infra.tools.doctor.models import examine_models
from shared.settings.sources import resolve
from tests.support.openai_server import OpenAIServer, Received, Scripted, completion, failure, said, tool_call, vectors

KEY = "sk-hunter2"
CALLED = completion({"tool_calls": [tool_call('{"colour": "blue"}', name="note_colour")]}, finish="tool_calls")
FORMED = said('{"colour": "blue"}')


@pytest.fixture
def server():
    with OpenAIServer() as running:
        yield running


def lines(folder: Path, server: OpenAIServer, *script: Scripted, **env: str) -> list[str]:
    """The report on one chat model behind `server`, with embeddings that need no network unless told otherwise."""
    server.script(*script)
    reach = {
        "LLM_OPENAI_COMPATIBLE_BASE_URL": server.url,
        "LLM_OPENAI_COMPATIBLE_API_KEY": KEY,
        "LLM_EMBEDDING_PROVIDER": "offline",
        "LLM_DEFAULT_MODEL": "m",
    }
    found = resolve(env=reach | env, folder=folder)
    assert not found.problems
    return [finding.line() for finding in examine_models(found)]


def test_doctor_of_a_capable_model_asks_it_twice_for_all_features(tmp_path, server):
    chat, embeddings = lines(tmp_path, server, CALLED, FORMED, LLM_DEFAULT_MAX_TOKENS="77")
    assert (
        chat == f"model         ok       custom/m at {server.url} (everything): answers, calls tools, keeps to a form"
    )
    assert embeddings == "embeddings    ok       offline/offline: answers without a network"
    first, second = (request.body for request in server.received)
    assert (first["tool_choice"], "response_format" in second) == ("required", True)
    # The cap of calls that have none of their own.
    assert (first["max_tokens"], second["max_tokens"]) == (77, 77)


@pytest.mark.parametrize(
    ("script", "said_of_it"),
    [
        ((failure(400, "tools are not supported"), said("blue"), FORMED), "answers, but gives no tool calls"),
        ((said("blue, but no tool"), said("blue"), FORMED), "answers, but gives no tool calls"),
        ((CALLED, said("blue it is")), "answers, but gives no structured output"),
        ((said("?"), said("blue"), said("?")), "answers, but gives no tool calls and no structured output"),
    ],
)
def test_doctor_of_a_model_that_cannot_do_everything_names_what_and_the_model(
    tmp_path, server, script: tuple[Scripted, ...], said_of_it: str
):
    chat, _ = lines(tmp_path, server, *script)
    assert chat.startswith("model         PROBLEM")
    assert chat.endswith(f": {said_of_it}: choose another LLM_DEFAULT_MODEL")


def test_doctor_of_a_wrong_key_names_the_key_and_shows_neither_it_nor_what_was_said(tmp_path, server):
    chat, _ = lines(tmp_path, server, failure(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key"))
    assert chat.endswith("(everything): the key is refused (HTTP 401): see LLM_OPENAI_COMPATIBLE_API_KEY")
    assert "hunter2" not in chat
    assert len(server.received) == 1


def test_doctor_of_a_model_that_goes_away_between_two_questions_blames_no_model(tmp_path, server):
    chat, _ = lines(tmp_path, server, CALLED, *[failure(503, "overloaded")] * 3)
    assert chat.endswith("(everything): is not available (HTTP 503): see LLM_OPENAI_COMPATIBLE_BASE_URL")


def test_doctor_of_an_unknown_model_names_the_setting_that_chose_it(tmp_path, server):
    missing = failure(404, "The model does not exist")
    chat, _ = lines(tmp_path, server, missing, DREAM_MODEL="m", SUMMARY_MODEL="m")
    knobs = chat.partition("(HTTP 404): see ")[2].split(" and ")
    assert sorted(knobs) == ["DREAM_MODEL", "LLM_DEFAULT_MODEL", "SUMMARY_MODEL"]


def test_doctor_of_a_server_that_is_not_there_names_its_address(tmp_path, server):
    chat, _ = lines(tmp_path, server, LLM_OPENAI_COMPATIBLE_BASE_URL="http://127.0.0.1:9/v1")
    assert chat.endswith("(everything): cannot be reached: see LLM_OPENAI_COMPATIBLE_BASE_URL")


class CapableServer(OpenAIServer):
    """Answers whoever asks, in whatever order."""

    def next(self, request: Received) -> Scripted:
        return CALLED if "tools" in request.body else FORMED


def test_doctor_asks_each_distinct_model_once_and_names_what_it_serves(tmp_path):
    env = {"DIALECTIC_LEVELS__max__MODEL": "big", "DERIVER_BACKUP_PROVIDER": "custom", "DERIVER_BACKUP_MODEL": "spare"}
    with CapableServer() as server:
        report = lines(tmp_path, server, **env)
    served = [line.partition("(")[2].partition(")")[0] + ")" for line in report[:3]]
    assert [line.split()[2] for line in report] == ["custom/m", "custom/spare", "custom/big", "offline/offline:"]
    assert served[0].startswith("deriver, summary, chat minimal, chat low, chat medium, chat high, dreams")
    assert served[1].startswith("deriver (backup")
    assert served[2] == "chat max)"
    assert len(server.received) == 6


@pytest.mark.parametrize(
    ("answer", "said_of_it"),
    [
        (vectors([1.0, 0.0, 0.0]), "ok       custom/e at {url}: 3 dimensions"),
        (
            failure(401, "no"),
            "PROBLEM  custom/e at {url}: the key is refused (HTTP 401): see LLM_OPENAI_COMPATIBLE_API_KEY",
        ),
    ],
)
def test_doctor_of_an_embedding_model_compares_its_dimensions(tmp_path, server, answer: Scripted, said_of_it: str):
    env = {"LLM_EMBEDDING_PROVIDER": "custom", "LLM_EMBEDDING_MODEL": "e", "VECTOR_STORE_DIMENSIONS": "3"}
    server.script(answer)
    report = lines(tmp_path, server, OFFLINE_ENABLED="true", **all_offline(), **env)
    assert report[-1] == f"embeddings    {said_of_it.format(url=server.url)}"


def test_doctor_of_an_embedding_model_of_another_size_names_the_dimensions(tmp_path, server):
    env = {"LLM_EMBEDDING_PROVIDER": "custom", "LLM_EMBEDDING_MODEL": "e", "VECTOR_STORE_DIMENSIONS": "2"}
    server.script(vectors([1.0, 0.0, 0.0]))
    report = lines(tmp_path, server, OFFLINE_ENABLED="true", **all_offline(), **env)
    said_of_it = "gives 3 dimensions, but VECTOR_STORE_DIMENSIONS is 2"
    assert report[-1] == f"embeddings    PROBLEM  custom/e at {server.url}: {said_of_it}"


def all_offline() -> dict[str, str]:
    """The chat features without a network, so that only embeddings are asked for."""
    places = [
        "DERIVER",
        "SUMMARY",
        "DREAM",
        *(f"DIALECTIC_LEVELS__{n}_" for n in ("minimal", "low", "medium", "high", "max")),
    ]
    return {f"{place}_PROVIDER": "offline" for place in places}
