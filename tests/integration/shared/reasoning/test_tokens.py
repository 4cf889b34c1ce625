"""What a question costs: input tokens per chat and level in a world that is the same every time.

Run with `-s` to see the table. The incumbent sends 6,091 tokens per minimal and 7,178 per low chat about such a world
(messages counted, tool definitions not); half of that is the ceiling here.
"""

import json
import random
from dataclasses import replace

import pytest

from shared.llm import tokens
from shared.llm.types import AssistantTurn, Completion
from shared.reasoning.dialectic import Question, answer
from shared.settings.models import ReasoningLevel
from tests.support.scripted_model import FixedModels, ScriptedModel, calls

QUERY = "What instrument does alice play?"
ANSWER = "the instrument that alice likes to play is the cello"
WHO = "her brother|the caretaker|an old classmate|the dentist|her neighbour Rosa|a colleague called Piet".split("|")
DID = "lent|mended|painted|promised|described|returned|measured|ordered".split("|")
WHAT = "a wooden ladder|two theatre tickets|the attic lamp|a jar of plum jam|the yearly report|a folding boat".split(
    "|"
)
WHERE = "in Utrecht|behind the station|at the allotment|on the ferry|in the stairwell|at the spring fair".split("|")
WHEN = "last Thursday|before lunch|in late April|after the match|three years ago|at dawn".split("|")
WHY = "although nobody had asked for it|which she found rather odd|because the weather turned|and it cost little".split(
    "|"
)
LEVELS: tuple[ReasoningLevel, ...] = ("minimal", "low", "medium", "high", "max")


def fact(chance: random.Random) -> str:
    said = " ".join(chance.choice(words) for words in (WHO, DID, WHAT, WHERE, WHEN, WHY))
    return f"alice [{chance.randrange(10**6):06d}] {said[0].upper()}{said[1:]}."


@pytest.fixture
def world(memory):
    """50 conclusions, one of which is the answer, and 96 messages."""
    chance = random.Random(7)
    for _ in range(8):
        memory.hears("s", *((("alice", "assistant")[n % 2], fact(chance)) for n in range(12)))
    memory.concludes("alice", "alice", "s", ANSWER, *(fact(chance) for _ in range(49)))
    return memory


def counted(request: Completion) -> tuple[int, int]:
    """Tokens of the turns, and of the definitions of the tools."""
    turns = 0
    for turn in request.turns:
        called = turn.tool_calls if isinstance(turn, AssistantTurn) else ()
        turns += tokens.count(turn.text) + sum(tokens.count(f"{one.name}{json.dumps(one.arguments)}") for one in called)
    defined = [{"name": t.name, "description": t.description, "parameters": t.parameters} for t in request.tools]
    return turns, sum(tokens.count(json.dumps({"type": "function", "function": one})) for one in defined)


def cost(world, level: ReasoningLevel, session: str | None = None) -> tuple[int, int, bool]:
    """Tokens of one chat that searches once: of turns, of definitions, and whether the answer was before the model."""
    model = ScriptedModel([calls(("search_memory", {"query": QUERY, "top_k": 20})), "The cello."])
    backends = replace(world.backends, models=FixedModels(model, world.embedder))
    answer(backends, Question(world.workspace, "alice", "alice", QUERY, level, session=session))
    sums = [counted(request) for request in model.requests]
    seen = all(ANSWER in "".join(turn.text for turn in request.turns) for request in model.requests)
    return sum(turns for turns, _ in sums), sum(tools for _, tools in sums), seen


def test_chat_costs_at_most_half_of_the_incumbents_tokens(world):
    spent = {level: cost(world, level) for level in LEVELS}
    spent["low, in a session"] = cost(world, "low", "s")
    print("\nlevel                 turns  tools  tokens per chat (two calls)")
    for level, (turns, tools, _) in spent.items():
        print(f"{level:20} {turns:6} {tools:6}")
    assert all(seen for _, _, seen in spent.values())
    assert spent["minimal"][0] <= 6091 / 2
    assert spent["low"][0] <= 7178 / 2
    assert spent["minimal"][0] + spent["minimal"][1] < 6091 / 2 + 700
    assert max(turns + tools for turns, tools, _ in list(spent.values())[:5]) < 7178
