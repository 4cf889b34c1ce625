"""No tool reads outside: another workspace, another collection, a session that is not the caller's."""

from dataclasses import replace

import pytest

from shared.domain.conclusion import Collection
from shared.domain.summary import Summary
from shared.memory import scopes
from shared.reasoning.tools import READING, offered
from shared.reasoning.tools.context import ToolContext, WorkspaceContext
from shared.store import cards, summaries
from tests.integration.shared.reasoning.conftest import THEN

SECRET = "swordfish"
# Every tool, in every way that could lead to the secret; `{…}` are ids of what holds it.
ATTEMPTS = (
    ("search_memory", {"query": SECRET}),
    ("search_messages", {"query": SECRET}),
    ("search_messages", {"query": SECRET, "after_date": "2031-01-01"}),
    ("grep_messages", {"text": SECRET}),
    ("grep_messages", {"text": "wordfis"}),
    ("get_messages_by_date_range", {}),
    ("get_messages_by_date_range", {"after_date": "2031-05-06", "order": "asc"}),
    ("get_conclusion_context", {"conclusion_ids": ["{fact}", "{deduced}"]}),
    ("get_conclusion_context", {"conclusion_ids": ["{leading}"]}),
    ("get_reasoning_chain", {"conclusion_id": "{fact}"}),
    ("get_reasoning_chain", {"conclusion_id": "{deduced}"}),
    ("get_reasoning_chain", {"conclusion_id": "{leading}"}),
    ("get_recent_conclusions", {"limit": 100}),
    ("get_recent_conclusions", {"session_only": True}),
    ("get_most_derived_conclusions", {}),
    ("get_session_summary", {"session": "den"}),
    ("get_recent_history", {"session": "den"}),
    ("get_peer_card", {}),
    ("get_peer_card", {"peer": "bob"}),
)
OUTSIDE = ("{fact}", "{deduced}")


@pytest.fixture
def world(memory):
    """Everything about the secret is bob's, said in den; ada was only in s. Hers names bob's as sources."""
    memory.hears("s", ("ada", "hello there"))
    said = memory.hears("den", ("bob", f"the password is {SECRET}"))
    [fact] = memory.concludes("bob", "bob", "den", f"bob's password is {SECRET}", messages=said)
    [deduced] = memory.concludes("bob", "bob", None, f"bob likes {SECRET}", level="deductive", sources=[fact])
    [leading] = memory.concludes("ada", "ada", "s", "ada knows bob", level="deductive", sources=[fact, deduced])
    with memory.backends.db.transaction() as conn:
        cards.put(conn, Collection(memory.workspace, "bob", "bob"), [f"password {SECRET}"], THEN)
        summaries.put(conn, memory.workspace, "den", Summary("long", f"it is {SECRET}", "m", 1, 5, THEN))
    memory.ids = {"fact": fact, "deduced": deduced, "leading": leading}
    return memory


def filled(arguments, ids):
    def value(given):
        return [value(one) for one in given] if isinstance(given, list) else given.format(**ids)

    return {name: value(given) if isinstance(given, str | list) else given for name, given in arguments.items()}


def tried(world, tools, attempts=ATTEMPTS):
    """What all attempts say, and the sessions and collections of whatever they read."""
    used = [tools.use(name, **filled(arguments, world.ids)) for name, arguments in attempts]
    read = [one.result for one in used]
    return (
        "\n".join(one.text for one in read),
        {message.session for one in read for message in one.messages},
        {(c.observer, c.observed) for one in read for c in one.conclusions},
    )


def test_attempts_try_every_tool():
    assert {name for name, _ in ATTEMPTS} == {one.definition.name for one in READING}


def test_attempts_of_who_may_read_it_find_the_secret_with_every_tool(world):
    tools = world.tools("bob", "bob", session="den")
    for name, arguments in ATTEMPTS:
        told = tools.say(name, **filled(arguments, world.ids))
        assert SECRET in told or "{leading}" in str(arguments), (name, arguments, told)


@pytest.mark.parametrize("narrowed", [{}, {"session": "s"}, {"sessions": ("s",)}, {"session": "s", "sessions": ("s",)}])
def test_tools_of_another_observer_find_nothing_of_it(world, narrowed):
    text, sessions, collections = tried(world, world.tools("ada", "ada", **narrowed))
    assert SECRET not in text
    assert sessions <= {"s"}
    assert collections <= {("ada", "ada")}


def test_tools_about_a_peer_read_what_the_observer_holds_of_it_and_not_what_it_holds_itself(world):
    text, sessions, collections = tried(world, world.tools("ada", "bob"))
    assert SECRET not in text
    assert (sessions, collections) == ({"s"}, set())


def test_tools_within_other_sessions_find_nothing_of_it(world):
    world.hears("other", ("bob", "nothing of it"))
    for tools in (world.tools("bob", "bob", sessions=("other",)), world.workspace_tools(sessions=("other", "s"))):
        text, sessions, collections = tried(world, tools)
        assert SECRET not in text
        assert sessions <= {"other", "s"}
        assert collections == set()


def test_tools_within_no_sessions_read_nothing_at_all(world):
    for tools in (world.tools("bob", "bob", sessions=()), world.workspace_tools(sessions=())):
        text, sessions, collections = tried(world, tools)
        assert SECRET not in text
        assert (sessions, collections) == (set(), set())


def test_tools_pinned_to_a_session_read_messages_of_it_alone(world):
    world.hears("other", ("bob", "nothing of it"))
    _, sessions, _ = tried(world, world.tools("bob", "bob", session="other"))
    assert sessions == {"other"}


def test_tools_of_another_workspace_find_nothing_of_it(world):
    elsewhere = replace(world, workspace=f"{world.workspace}-elsewhere")
    elsewhere.hears("den", ("bob", "nothing here"))
    for tools in (elsewhere.tools("bob", "bob"), elsewhere.workspace_tools()):
        text, _, collections = tried(world, tools)
        assert SECRET not in text
        assert collections == set()


def test_workspace_tools_leave_out_what_scopes_hold(world):
    scopes.get_or_create(world.backends, world.workspace, "team", metadata=None)
    [held] = world.concludes("scope.team", "bob", None, "held by a scope", level="deductive")
    tools = world.workspace_tools()
    assert "held by a scope" not in tools.say("get_recent_conclusions", limit=100)
    assert not tools.use("get_reasoning_chain", conclusion_id=held).is_ok


def test_scope_reads_the_sessions_it_holds_and_no_longer_those_it_lost(world):
    backends, workspace = world.backends, world.workspace
    scopes.get_or_create(backends, workspace, "team", metadata=None)
    scopes.add_sessions(backends, workspace, "team", ["den"])
    tools = world.tools("scope.team", "bob")
    assert SECRET in tools.say("grep_messages", text=SECRET)
    scopes.remove_session(backends, workspace, "team", "den")
    text, sessions, collections = tried(world, tools)
    assert SECRET not in text
    assert (sessions, collections) == (set(), set())


@pytest.mark.parametrize(("level", "count"), [("minimal", 2), ("low", 6), ("medium", 10), ("high", 10), ("max", 10)])
def test_offered_are_the_tools_of_the_level_that_can_tell_something(memory, level, count):
    context = ToolContext(memory.backends, Collection(memory.workspace, "ada", "ada"))
    names = [one.definition.name for one in offered(level, context)]
    assert (len(names), names[:2]) == (count, ["search_memory", "search_messages"])
    assert "get_peer_card" not in names


def test_offered_under_a_list_of_sessions_leads_through_no_derived_conclusion_and_no_card(memory):
    context = WorkspaceContext(memory.backends, memory.workspace, sessions=("s",))
    names = {one.definition.name for one in offered("max", context)}
    assert names.isdisjoint({"get_reasoning_chain", "get_peer_card", "get_most_derived_conclusions"})
    free = {one.definition.name for one in offered("max", replace(context, sessions=None))}
    assert free - names == {"get_reasoning_chain", "get_peer_card"}
