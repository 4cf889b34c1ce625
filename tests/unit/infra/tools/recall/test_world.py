"""The labelled world: the same from the same seed, and its labels are true."""

from collections import Counter

import pytest

from infra.tools.recall.world import ASSISTANT, KINDS, PEOPLE, Asked, World, build, slots

WORLD = build(1)
TOLD = [asked for asked in WORLD.questions if asked.kind != "absent"]


def heard(world: World, peer: str) -> str:
    return "\n".join(told.text for told in world.messages if told.peer == peer)


def test_world_is_as_large_as_it_says_and_asks_as_much_of_each_kind():
    assert len(WORLD.messages) >= 3000
    assert Counter(asked.kind for asked in WORLD.questions) == dict.fromkeys(KINDS, 60)


def test_world_of_the_same_seed_is_the_same_and_of_another_is_not():
    assert build(1) == WORLD
    assert build(2) != WORLD


def test_sessions_are_told_in_order_by_their_person_and_the_assistant():
    assert {told.peer for told in WORLD.messages} == {*PEOPLE, ASSISTANT}
    for earlier, later in zip(WORLD.messages, WORLD.messages[1:], strict=False):
        if earlier.session == later.session:
            assert later.at > earlier.at


@pytest.mark.parametrize("asked", TOLD[::7], ids=lambda asked: f"{asked.peer}-{asked.kind}")
def test_evidence_was_said_by_the_person_and_holds_the_answer(asked: Asked):
    evidence = [WORLD.messages[place] for place in asked.evidence]
    assert {told.peer for told in evidence} == {asked.peer}
    if asked.kind == "temporal":
        assert {f"{told.at:%Y-%m-%d}" for told in evidence} == {asked.expected[0][0]}
    else:
        assert all(any(group[0] in told.text for told in evidence) for group in asked.expected)


def test_what_is_absent_was_never_said_of_oneself():
    # The wordings of a slot up to its value: nobody who is asked in vain has used one.
    openings = {
        slot.asks: [says.partition("{value}")[0] for says in (*slot.says, *slot.changes)] for slot in slots("attribute")
    }
    for asked in (asked for asked in WORLD.questions if asked.kind == "absent"):
        [said] = [
            found for asks, found in openings.items() if asked.text in {one.format(peer=asked.peer) for one in asks}
        ]
        assert (asked.evidence, asked.expected) == ((), ())
        assert not [opening for opening in said if len(opening) > 12 and opening in heard(WORLD, asked.peer)]
