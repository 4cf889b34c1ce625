"""Every method of the published SDK against the running stack, as it is and through its asynchronous twin."""

import asyncio
import inspect
import uuid
from collections.abc import Iterator

import pytest
from honcho import Honcho
from honcho.aio import ConclusionsViewAio, HonchoAio, PeerAio, ScopeAio, SessionAio, WorkspaceConclusionsAio
from honcho.conclusions import ConclusionsView, WorkspaceConclusions
from honcho.pagination import SyncPage
from honcho.peer import Peer
from honcho.scope import Scope
from honcho.session import Session
from honcho.session_context import SessionContext
from honcho.types import DialecticStreamResponse

from infra.local.stack import Stack
from tests.contract.honcho_sdk.methods import conclusion, peer, scope, session, workspace
from tests.support.honcho_caller import METHODS, Aio, Case, Sync, World
from tests.support.stack import drained

MODULES = (workspace, peer, session, scope, conclusion)
CASES = {
    f"{module.__name__.rpartition('.')[2]}.{case.__name__}": case
    for module in MODULES
    for case in METHODS.values()
    if case.__module__ == module.__name__
}
CLASSES = (
    Honcho,
    Peer,
    Session,
    Scope,
    ConclusionsView,
    WorkspaceConclusions,
    SessionContext,
    SyncPage,
    DialecticStreamResponse,
)
TWINS = {
    HonchoAio: Honcho,
    PeerAio: Peer,
    SessionAio: Session,
    ScopeAio: Scope,
    ConclusionsViewAio: ConclusionsView,
    WorkspaceConclusionsAio: WorkspaceConclusions,
}
# Answered by the page itself.
LOCAL = {"SyncPage.has_next_page"}


@pytest.fixture(scope="module", params=["sync", "aio"])
def world(stack: Stack, request: pytest.FixtureRequest) -> Iterator[World]:
    """A workspace in which alice has told her tutor something, and it has been read."""
    honcho = Honcho(workspace_id=f"every-{request.param}-{uuid.uuid4().hex[:8]}", base_url=stack.base_url)
    alice, tutor = honcho.peer("alice"), honcho.peer("tutor")
    talk = honcho.session("talk")
    said = talk.add_messages(
        [
            alice.message("Hey there, can you help me with my math homework? I live in Lisbon."),
            tutor.message("Absolutely. Send me your first problem!"),
            alice.message("I am allergic to peanuts, so no snacks please."),
        ]
    )
    drained(stack.base_url, honcho.workspace_id)
    with asyncio.Runner() as runner:
        call = Sync() if request.param == "sync" else Aio(runner)
        yield World(call, honcho, stack.base_url, stack.dsn, alice, tutor, talk, said)


@pytest.mark.filterwarnings("ignore:card.. is deprecated")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_method_does_what_it_says(world: World, case: Case):
    case(world)


def methods_of(owner: type) -> set[str]:
    """The public methods that the SDK itself gives `owner`."""
    found = inspect.getmembers(owner, lambda member: inspect.isfunction(member) or hasattr(member, "__wrapped__"))
    return {
        name
        for name, member in found
        if not name.startswith("_") and str(getattr(member, "__module__", "")).startswith("honcho")
    }


def test_every_public_method_of_the_sdk_is_called_by_a_case():
    expected = {f"{owner.__name__}.{name}" for owner in CLASSES for name in methods_of(owner)}
    assert expected - METHODS.keys() - LOCAL == set()
    assert METHODS.keys() - expected == set()


@pytest.mark.parametrize(("twin", "owner"), TWINS.items(), ids=lambda each: each.__name__)
def test_every_asynchronous_method_has_a_case_of_its_name(twin: type, owner: type):
    assert {f"{owner.__name__}.{name}" for name in methods_of(twin)} <= METHODS.keys()
