"""What was built and not the tree: every function in Lambda's Python, layout and runtime client, doing its work."""

import json
import os
import re
import subprocess
import uuid
from collections.abc import Generator
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import psycopg
import pytest

from infra.bootstrap import ROOT
from infra.deploy.artefact import Artefact
from infra.local import template
from infra.local.profile import function_variables
from infra.local.stack import Stack
from infra.local.template import FunctionSpec
from infra.migrations.apply import newest
from tests.support.artefact import Build
from tests.support.openai_server import OpenAIServer, delta, streamed
from tests.support.stack import data_folder, drained

pytestmark = pytest.mark.slow

TEMPLATE = template.load(ROOT / "template.yaml")
FUNCTIONS = list(TEMPLATE.functions.values())
# What is imported on first use only, so that no start of a handler tells whether it is there.
SDKS = "anthropic boto3 google.genai json_repair numpy openai pypdf redis tiktoken turbopuffer".split()
OBSERVERS = "langfuse opentelemetry.sdk.trace opentelemetry.exporter.otlp.proto.http.trace_exporter sentry_sdk".split()
_WHENCE = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps({n: m.__file__ for n, m in sys.modules.items() if getattr(m, "__file__", None)}))
"""


@pytest.fixture(scope="module")
def model() -> Generator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture(scope="module")
def stack(native_build: Build, model: OpenAIServer) -> Generator[Stack]:
    """The whole service from the build. One level of chat asks a model over the network, all else is offline."""
    settings = {
        "CANARY_ENABLED": "true",
        "DIALECTIC_LEVELS__low__PROVIDER": "custom",
        "DIALECTIC_LEVELS__low__MODEL": "m",
        "DIALECTIC_LEVELS__low__TOOL_CHOICE": "auto",
        "LLM_OPENAI_COMPATIBLE_BASE_URL": model.url,
        "LLM_OPENAI_COMPATIBLE_API_KEY": "k",
        "LLM_EMBEDDING_PROVIDER": "offline",
        "SUMMARY_MESSAGES_PER_SHORT_SUMMARY": "10",
        **{f"{name}_PROVIDER": "offline" for name in ("DERIVER", "SUMMARY", "DREAM", "DIALECTIC_LEVELS__minimal_")},
    }
    verb = ("infra.deploy.rehearse", "rehearse")
    options = ["--built", str(native_build.folder)]
    with data_folder() as folder, Stack(folder, settings_env=settings, verb=verb, options=options) as running:
        yield running


@pytest.fixture
def client(stack: Stack) -> Generator[httpx.Client]:
    workspace = f"artefact-{uuid.uuid4().hex[:8]}"
    with httpx.Client(base_url=f"{stack.base_url}/v3/workspaces/{workspace}", timeout=30) as opened:
        opened.headers["X-Workspace"] = workspace
        yield opened


def of_function(function: FunctionSpec) -> str:
    return function.logical_id


def imported(artefact: Artefact, function: FunctionSpec, *modules: str, options: tuple[str, ...] = ()) -> Any:
    """What importing these as this function would loads, in Lambda's Python: the files by module, and what was said."""
    code = artefact.of(function)
    found = function_variables(TEMPLATE, function, references={}, sqs_url="http://127.0.0.1:9", code=code)
    paths = f"{code.folder}:{code.layers}/python:{artefact.client}"
    command = [code.python, *options, "-c", _WHENCE, *modules]
    done = subprocess.run(
        command, cwd=code.folder, env={**found, "PYTHONPATH": paths}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout), done.stderr


def handler_of(function: FunctionSpec) -> str:
    return (function.uvicorn or function.handler.rpartition(".")[0]).partition(":")[0]


def test_functions_do_the_whole_main_job(client: httpx.Client, stack: Stack) -> None:
    said = [
        "I live in Porto.",
        "I am allergic to peanuts.",
        "I love coffee.",
        "I play the piano.",
        "I sing in a choir.",
    ]
    messages = [{"peer_id": "ada", "content": text} for text in (*said, *(f"I read book {n}." for n in range(5)))]
    assert client.post("/sessions/s/messages", json={"messages": messages}).status_code == 201
    drained(stack.base_url, client.headers["X-Workspace"])
    asked = {"observer": "ada", "dream_type": "omni", "session_id": None}
    assert client.post("/schedule_dream", json=asked).status_code == 204
    drained(stack.base_url, client.headers["X-Workspace"])

    conclusions = client.post("/conclusions/list", json={}, params={"size": 100}).json()["items"]
    assert {"explicit", "deductive"} <= {item["level"] for item in conclusions}
    assert "Porto" in client.get("/sessions/s/summaries").json()["short_summary"]["content"]
    assert client.post("/search", json={"query": "peanuts"}).json()[0]["content"] == "I am allergic to peanuts."
    chat = {"query": "Where does ada live?", "reasoning_level": "minimal"}
    assert "Porto" in client.post("/peers/ada/chat", json=chat).json()["content"]

    # `TickFunction` is called by its schedule, each second while something is due.
    functions = httpx.get(f"{stack.base_url}/_local/status").json()["functions"]
    idle = [name for name, pool in functions.items() if pool["invocations"] == 0]
    assert idle == ["MigrateFunction"]
    assert {name: pool["last_error"] for name, pool in functions.items() if pool["errors"]} == {}


def test_migrating_function_brings_an_empty_database_to_the_newest_revision(stack: Stack) -> None:
    assert f'"revision":"{newest()}"' in stack.log("MigrateFunction")
    with psycopg.connect(stack.dsn) as conn:
        assert conn.execute("SELECT version_num FROM alembic_version").fetchone() == (newest(),)


def test_chat_function_hands_tokens_on_before_the_last_is_there(
    client: httpx.Client, stack: Stack, model: OpenAIServer
) -> None:
    told = Event()
    # Longer than the first words of a turn, which are held back.
    first_words = "Ada lives in Porto, where she plays the piano. " * 12
    answer = streamed(
        delta({"role": "assistant", "content": first_words}), told, delta({"content": "That is all."}, finish="stop")
    )
    model.script(answer)
    asked = {"query": "Where does ada live?", "stream": True, "reasoning_level": "low"}
    client.post("/peers/ada", json={})
    with client.stream("POST", "/peers/ada/chat", json=asked) as response:
        assert response.is_success, response.read()
        frames = (json.loads(line.removeprefix("data: ")) for line in response.iter_lines() if line)
        first = next(frames)
        # Only now does the model say the rest: had the door gathered the answer, the first would not have come.
        assert not told.is_set()
        told.set()
        rest = [*frames]
    assert first["delta"]["content"].startswith("Ada lives in Porto")
    assert rest[-1]["done"]
    said = "".join(frame["delta"]["content"] for frame in (first, *rest[:-1]))
    assert said == first_words + "That is all."
    assert stack.log("ChatFunction").count("stream_broke_off") == 0


@pytest.mark.parametrize("function", FUNCTIONS, ids=of_function)
def test_function_loads_nothing_from_outside_its_package_its_layers_and_python(
    artefact: Artefact, function: FunctionSpec
) -> None:
    files, _ = imported(artefact, function, handler_of(function))
    code = artefact.of(function)
    assert code.layers is not None
    [library] = {Path(file).parent for file in (files["json"],)}
    homes = (code.folder, code.layers, artefact.client, library.parent)
    elsewhere = {name: file for name, file in files.items() if not any(Path(file).is_relative_to(h) for h in homes)}
    assert elsewhere == {}
    assert files["shared"].startswith(str(code.folder))


@pytest.mark.parametrize("function", FUNCTIONS, ids=of_function)
def test_function_reads_bytecode_and_compiles_nothing(artefact: Artefact, function: FunctionSpec) -> None:
    _, said = imported(artefact, function, handler_of(function), options=("-v",))
    objects = re.findall(r"# code object from '?([^'\n]+)", said)
    ours = [path for path in objects if str(artefact.built) in path or "/opt" in path]
    assert len(ours) > 100
    assert [path for path in ours if not path.endswith(".pyc")] == []


@pytest.mark.parametrize(
    ("name", "modules"),
    [("ApiFunction", SDKS), ("DreamFunction", SDKS), ("MigrateFunction", ["alembic.command", "sqlalchemy"])],
)
def test_function_can_load_what_it_imports_on_first_use(artefact: Artefact, name: str, modules: list[str]) -> None:
    imported(artefact, TEMPLATE.functions[name], *modules, *OBSERVERS)


@pytest.mark.parametrize("function", FUNCTIONS, ids=of_function)
def test_paths_below_the_layers_lead_to_something(artefact: Artefact, function: FunctionSpec) -> None:
    code = artefact.of(function)
    named = {n: v for n, v in TEMPLATE.variables(function, {}).items() if v.startswith("/opt/") and n[:4] != "AWS_"}
    if "ModelsLayer" in function.layers:
        assert named
        assert [name for name, path in named.items() if not os.path.exists(code.placed(path))] == []
