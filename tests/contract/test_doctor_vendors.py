"""What the doctor says about models of Anthropic and Google, through their own SDKs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.tools.doctor.models import examine_models
from shared.settings.sources import resolve
from tests.support import anthropic_server, google_server
from tests.support.scripted_server import Scripted, ScriptedServer

BLUE = '{"colour": "blue"}'
CAPABLE: dict[str, tuple[Scripted, Scripted]] = {
    "anthropic": (
        anthropic_server.message(anthropic_server.tool_use("t1", "note_colour", {"colour": "blue"}), stop="tool_use"),
        anthropic_server.message(anthropic_server.text(BLUE)),
    ),
    "google": (
        google_server.response(google_server.function_call("note_colour", {"colour": "blue"})),
        google_server.response(google_server.text(BLUE)),
    ),
}
KEYS = {"anthropic": "LLM_ANTHROPIC_API_KEY", "google": "LLM_GEMINI_API_KEY"}
FAILURES: dict[str, Callable[[int, str], Scripted]] = {
    "anthropic": anthropic_server.failure,
    "google": google_server.failure,
}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


def line(folder: Path, server: ScriptedServer, vendor: str) -> str:
    """What is said about the vendor's model, which serves everything."""
    reach = {KEYS[vendor]: "sk-hunter2", KEYS[vendor].replace("API_KEY", "BASE_URL"): server.url}
    # Google's key alone would embed, too; here only the chat model is asked.
    found = resolve(env={**reach, "LLM_DEFAULT_MODEL": "m", "LLM_EMBEDDING_PROVIDER": "offline"}, folder=folder)
    assert not found.problems
    return next(one.line() for one in examine_models(found) if one.subject == "model")


@pytest.mark.parametrize("vendor", KEYS)
def test_doctor_of_a_vendors_model_asks_it_for_a_tool_and_a_form(tmp_path, server: ScriptedServer, vendor: str):
    server.script(*CAPABLE[vendor])
    said = line(tmp_path, server, vendor)
    assert (
        said == f"model         ok       {vendor}/m at {server.url} (everything): answers, calls tools, keeps to a form"
    )
    assert len(server.received) == 2


@pytest.mark.parametrize("vendor", KEYS)
@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "the key is refused (HTTP 401): see {key}"),
        (404, "there is no such model, or not at this address (HTTP 404): see LLM_DEFAULT_MODEL"),
    ],
)
def test_doctor_of_a_vendor_that_refuses_names_the_setting(
    tmp_path, server: ScriptedServer, vendor: str, status: int, told: str
):
    server.script(*[FAILURES[vendor](status, "not with sk-hunter2")] * 3)
    said = line(tmp_path, server, vendor)
    assert said.endswith(f"(everything): {told.format(key=KEYS[vendor])}")
    assert "hunter2" not in said
