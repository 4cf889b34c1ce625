"""Deriving, dreaming and answering through each vendor's SDK and protocol, over a real database.

Behind the vendor's server thinks the offline model: what comes out must be what it gives when it is asked directly,
with every tool, thought and form having gone over the wire there and back.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from shared.domain.conclusion import Collection
from shared.llm.offline import OfflineModel
from shared.llm.provider import ChatModel, open_chat_model
from shared.llm.types import AssistantTurn
from shared.reasoning.dialectic import Answered, Question, answer, stream
from shared.store import cards
from tests.integration.shared.reasoning.conftest import THEN
from tests.support.anthropic_world import AnthropicWorld
from tests.support.dreaming import Dreamland, dreamland
from tests.support.google_world import GoogleWorld
from tests.support.openai_world import OpenAIWorld
from tests.support.scripted_model import FixedModels
from tests.support.scripted_server import ScriptedServer
from tests.support.vendor_minds import Mind
from tests.support.vendor_world import World

VENDORS: tuple[World, ...] = (
    OpenAIWorld("openai", "gpt-4.1-mini"),
    OpenAIWorld("groq", schema_complaint=None),
    AnthropicWorld("claude-haiku-4-5"),
    AnthropicWorld("claude-sonnet-5-5"),
    GoogleWorld("gemini-2.5-flash", has_ids=False),
    GoogleWorld("gemini-3.5-flash-lite", has_ids=True),
)
PLAIN = OfflineModel("offline/rules-1")
FORM = {"type": "object", "properties": {"instrument": {"type": "string"}}, "required": ["instrument"]}


@pytest.fixture(params=VENDORS, ids=lambda world: world.label)
def world(request: pytest.FixtureRequest) -> World:
    return request.param


@pytest.fixture
def mind(world: World) -> Mind:
    return Mind(world, PLAIN)


@pytest.fixture
def model(world: World, mind: Mind) -> Iterator[ChatModel]:
    with ScriptedServer() as server:
        server.mind = mind
        yield open_chat_model(world.spec(server, "key"))


@pytest.fixture
def ask(memory) -> Callable[..., Answered]:
    """Asks about ada, with a model, whole or streamed."""
    said = memory.hears("s", ("ada", "I play the zither"), ("bob", "I am over the moon"), ("ada", "I moved to Turin"))
    memory.concludes("ada", "ada", "s", "ada plays the zither", messages=said[:1])
    with memory.backends.db.transaction() as conn:
        cards.put(conn, Collection(memory.workspace, "ada", "ada"), ["ada collects stamps"], THEN)

    def asked(chat: ChatModel, query: str, *, is_streamed: bool = False, **more) -> Answered:
        backends = replace(memory.backends, models=FixedModels(chat, memory.embedder))
        given = {"level": "high", "session": "s", "wants_evidence": True, **more}
        question = Question(memory.workspace, "ada", "ada", query, **given)
        if not is_streamed:
            return answer(backends, question)
        *pieces, last = stream(backends, question)
        assert isinstance(last, Answered)
        assert "".join(map(str, pieces)) == last.content
        return last

    return asked


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("level", ["low", "high"])
def test_answer_through_a_vendor_is_the_one_without(ask, model: ChatModel, mind: Mind, level, is_streamed):
    query = 'Who said "over the moon"?'
    direct = ask(PLAIN, query, level=level)

    through = ask(model, query, level=level, is_streamed=is_streamed)

    assert (through.content, through.evidence) == (direct.content, direct.evidence)
    assert len(through.evidence.tool_calls) > 1
    # The calls of the first turn came back in the next one.
    assert any(isinstance(turn, AssistantTurn) and turn.tool_calls for turn in mind.heard[-1].turns)


def test_answer_of_one_round_ends_without_another_call(ask, model: ChatModel, mind: Mind):
    query = "Which instrument does ada play?"
    assert ask(model, query, level="minimal").content == ask(PLAIN, query, level="minimal").content
    assert [bool(turn.tools) and turn.choice != "none" for turn in mind.heard] == [True, False]


def test_answer_in_a_form_through_a_vendor_has_it(ask, model: ChatModel):
    query = "Which instrument does ada play?"
    assert ask(model, query, answer_schema=FORM).content == ask(PLAIN, query, answer_schema=FORM).content


@pytest.fixture
def lands(database_dsn: str, owner_dsn: str) -> Iterator[Callable[[ChatModel], Dreamland]]:
    """A new workspace in which that model thinks."""
    with dreamland(database_dsn, owner_dsn) as land:

        def made(chat: ChatModel) -> Dreamland:
            name = f"{land.workspace}-{'plain' if chat is PLAIN else 'vendor'}"
            return replace(land, workspace=name).dreaming_with(chat)

        yield made


def test_derive_and_dream_through_a_vendor_give_what_they_give_without(lands, model: ChatModel, mind: Mind):
    told = ("I live in Porto.", "I am allergic to peanuts.", "I moved to Lisbon.")
    results = []
    for chat in (PLAIN, model):
        land = lands(chat)
        land.tells("ada", *told)
        land.asks_for()
        land.dreams_out()
        results.append(({level: sorted(found) for level, found in land.levels().items()}, land.card()))
    direct, through = results
    assert through == direct
    assert through[0]["explicit"] == ["ada is allergic to peanuts", "ada moved to Lisbon"]
    assert through[0]["deductive"]
    assert through[1]
    # The specialists called their tools over the wire, and read what came of it.
    assert any(isinstance(turn, AssistantTurn) and turn.tool_calls for one in mind.heard for turn in one.turns)
