"""The measurement of recall against a running stack, over one person of the labelled world."""

import asyncio

from infra.local.stack import Stack
from infra.tools.recall.measure import Measurement, Score
from infra.tools.recall.world import PEOPLE, Kind, World, build


def one_person() -> World:
    whole, name = build(1), PEOPLE[0]
    # The first one's messages come first, so that the places of the evidence hold.
    messages = tuple(told for told in whole.messages if told.session.startswith(f"{name}-"))
    assert messages == whole.messages[: len(messages)]
    return World(messages, tuple(asked for asked in whole.questions if asked.peer == name))


async def measured(stack: Stack) -> dict[Kind, Score]:
    async with Measurement(stack.base_url, "recall", one_person(), level="minimal") as measurement:
        await measurement.tell()
        await measurement.settle(lambda left: None)
        return await measurement.ask()


def test_measurement_finds_most_of_what_was_said_and_more_in_a_longer_list(stack: Stack):
    scores = asyncio.run(measured(stack))
    assert {kind: score.questions for kind, score in scores.items()} == dict.fromkeys(scores, 6)
    found = {depth: sum(score.found[depth] for score in scores.values()) / 24 for depth in (5, 10)}
    assert 0.5 < found[5] <= found[10] <= 1
    assert scores["temporal"].found[5] == 6
    assert scores["temporal"].right == 6
    assert sum(score.remembered[10] for score in scores.values()) / 24 > 0.5
