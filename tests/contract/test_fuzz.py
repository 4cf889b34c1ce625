"""Whatever is sent to any route, the answer is as `/openapi.json` describes it, and never a 5xx."""

from collections.abc import Generator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import APIOperation, Case, GenerationMode, openapi
from schemathesis.core.result import Ok
from starlette.testclient import TestClient

from functions.api.app import create_app
from shared.backends import open_backends
from shared.settings import Settings
from tests.support.backends import offline_backends
from tests.support.fuzzing import MODES, ask, requests
from tests.support.workspace_client import WorkspaceClient

_SEED = 20_260_101
_FEW, _MANY = 4, 45
# Deletion comes last: what it deletes is what the others ask about.
_DESCRIBED = create_app(open_backends(Settings.model_validate({"offline": {"enabled": True}}))).openapi()
OPERATIONS: dict[str, APIOperation] = {
    f"{found.method.upper()} {found.path}": found
    for result in openapi.from_dict(_DESCRIBED).get_all_operations()
    if isinstance(result, Ok)
    for found in [result.ok()]
}
_ORDERED = sorted(OPERATIONS, key=lambda label: (label.startswith("DELETE"), label))


@dataclass(frozen=True)
class Fuzzed:
    """The API, and the names of what is in it: not every request may end at something that nobody has."""

    client: TestClient
    known: dict[str, list[str]]


@pytest.fixture(scope="module")
def fuzzed(database_dsn: str, owner_dsn: str) -> Generator[Fuzzed]:
    with offline_backends(database_dsn, owner_dsn) as backends, TestClient(create_app(backends)) as opened:
        here = WorkspaceClient(opened, "w")
        for session in ("s", "other"):
            said = here.says(session, ("ada", "I play the cello."), ("bob", "Since when?"))
        here.post("/scopes", {"id": "all"})
        here.post("/scopes/all/sessions", {"session_ids": ["s"]})
        stated = {"content": "plays the cello", "observer_id": "ada", "observed_id": "ada"}
        concluded = here.post("/conclusions", {"conclusions": [stated] * 9}).json()
        here.post("/schedule_dream", {"observer": "ada", "dream_type": "omni"})
        known = {
            "workspace_id": ["w"],
            "peer_id": ["ada", "bob", "scope.all"],
            "session_id": ["s", "other"],
            "scope_id": ["all"],
            "message_id": [one["id"] for one in said],
            "conclusion_id": [one["id"] for one in concluded],
            "dream_id": [one["id"] for one in here.get("/dreams").json()["items"]],
        }
        yield Fuzzed(opened, known)


def test_every_operation_is_read_from_the_description():
    paths = _DESCRIBED["paths"].values()
    assert len(OPERATIONS) == sum(len(item) for item in paths) > 50


@pytest.mark.parametrize("label", _ORDERED)
def test_answer_to_a_few_strange_requests_is_as_described(fuzzed: Fuzzed, label: str):
    for mode in _modes(label):
        _fuzz(fuzzed, label, mode, _FEW)


@pytest.mark.slow
@pytest.mark.parametrize("label", _ORDERED)
def test_answer_to_many_strange_requests_is_as_described(fuzzed: Fuzzed, label: str):
    for mode in _modes(label):
        _fuzz(fuzzed, label, mode, _MANY)


def _modes(label: str) -> tuple[GenerationMode, ...]:
    """What takes nothing cannot be given the wrong thing."""
    operation = _DESCRIBED["paths"][OPERATIONS[label].path][OPERATIONS[label].method]
    return MODES if "requestBody" in operation or operation.get("parameters") else MODES[:1]


def _fuzz(fuzzed: Fuzzed, label: str, mode: GenerationMode, cases: int) -> None:
    """`cases` requests, the same in every run."""

    @seed(_SEED)
    @settings(max_examples=cases, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=requests(OPERATIONS[label], mode, fuzzed.known))
    def run(case: Case) -> None:
        ask(fuzzed.client, case)

    run()
