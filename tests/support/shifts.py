"""Dreams in many short calls of their function, with a model that says the same to the same."""

from datetime import timedelta
from typing import Any, LiteralString

from shared.llm.types import AssistantTurn, Completion, Reply
from shared.memory.relay import relay
from tests.support.dreaming import Acting, Dreamland, deduction, ids
from tests.support.dying import Died
from tests.support.scripted_model import calls

# With no time at all a call makes one turn, and leaves the rest to the next.
AT_ONCE, WHOLE = timedelta(0), timedelta(seconds=900)
CHECKPOINTS: LiteralString = "SELECT * FROM dream_checkpoints WHERE workspace = %(workspace)s"
FACTS = ("I live in Porto.", "I love the sea.", "I own a boat.")
# Five turns to deduce, one each to find no pattern and nothing for the card.
TURNS = [*["dream_deduction"] * 5, "dream_induction", "dream_card"]


def thinker(land: Dreamland) -> Acting:
    """Says the same to the same: five turns to deduce two things, and nothing else."""
    known = ids(land)
    script: list[Reply] = [
        calls(("read_recent", {"limit": 9}), text="First I read."),
        calls(deduction("ada lives in Portugal.", known["ada lives in Porto"])),
        calls(("find_conclusions", {"query": "boats"})),
        calls(deduction("ada can sail.", known["ada owns a boat"], known["ada loves the sea"])),
    ]

    def act(request: Completion) -> Reply | None:
        turn = sum(isinstance(one, AssistantTurn) for one in request.turns)
        return script[turn] if request.purpose == "dream_deduction" and turn < len(script) else None

    return Acting(act)


def begun(land: Dreamland) -> tuple[Dreamland, Acting]:
    """A place where a dream of seven turns is asked for."""
    land.tells("ada", *FACTS)
    model = thinker(land)
    land.asks_for()
    return land.dreaming_with(model), model


def goes_on(land: Dreamland, *, lasts: timedelta = AT_ONCE) -> int:
    """Let it be dreamt to the end in short calls; gives how many that took."""
    shifts = 0
    while land.dreams_on(lasts=lasts):
        shifts += 1
        assert shifts < 50
    return shifts


def comes_back(land: Dreamland) -> None:
    """Time for leases to end and tick to wake what was left."""
    land.clock.advance(minutes=20)
    relay(land.backends)


def outcome(land: Dreamland) -> tuple[Any, ...]:
    """What a dream that has ended came to, and what it cost."""
    [row] = land.dreams()
    assert row["finished_at"] is not None
    assert land.rows(CHECKPOINTS) == []
    changes = [(change["action"], change["content"], change["line"]) for change in land.changes()]
    return land.levels(), changes, row["input_tokens"], row["output_tokens"]


def asked(model: Acting) -> list[str]:
    return [request.purpose for request in model.requests]


class Dying(Acting):
    """Thinks as another does, but its process ends in some of its calls, counted from 0. `tried` counts these, too."""

    def __init__(self, thinking: Acting, *deaths: int) -> None:
        super().__init__(self._die_or)
        self.thinking, self.deaths = thinking, deaths
        self.tried = 0

    def _die_or(self, request: Completion) -> Reply | None:
        self.tried += 1
        if self.tried - 1 in self.deaths:
            raise Died
        return self.thinking.act(request)
