"""Which stretches of a conversation are shown around matches."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.message import Message
from shared.reasoning.tools.messages import SearchMessages, stretches
from shared.store.snippets import Stretch

THEN = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


def at(session: str, seq: int) -> Message:
    return Message(f"{session}-{seq}", "w", session, "ada", seq, "text", 1, {}, THEN)


def test_stretches_reach_two_messages_to_each_side_but_not_before_the_first():
    assert stretches([at("s", 9), at("t", 1)]) == [Stretch("s", 7, 11), Stretch("t", 1, 3)]


def test_stretches_that_overlap_or_touch_become_one():
    assert stretches([at("s", 10), at("s", 13), at("s", 18)]) == [Stretch("s", 8, 20)]
    assert stretches([at("s", 10), at("s", 16)]) == [Stretch("s", 8, 12), Stretch("s", 14, 18)]


def test_stretches_of_two_sessions_stay_apart():
    assert stretches([at("s", 5), at("t", 5)]) == [Stretch("s", 3, 7), Stretch("t", 3, 7)]


def test_stretches_come_in_the_order_of_their_best_match():
    assert stretches([at("t", 90), at("s", 5), at("t", 4), at("s", 90)]) == [
        Stretch("t", 88, 92),
        Stretch("s", 3, 7),
        Stretch("t", 2, 6),
        Stretch("s", 88, 92),
    ]


def test_stretches_that_became_one_keep_the_rank_of_their_better_match():
    expected = [Stretch("s", 3, 9), Stretch("t", 48, 52)]
    assert stretches([at("s", 5), at("t", 50), at("s", 7)]) == expected
    assert stretches([at("s", 7), at("t", 50), at("s", 5)]) == expected


@given(st.lists(st.tuples(st.sampled_from("st"), st.integers(1, 60)), max_size=20))
def test_stretches_hold_every_match_and_its_neighbours_once(places: list[tuple[str, int]]):
    covered = [
        (stretch.session, seq)
        for stretch in stretches([at(*place) for place in places])
        for seq in range(stretch.first, stretch.last + 1)
    ]
    wanted = {(session, near) for session, seq in places for near in range(max(1, seq - 2), seq + 3)}
    assert sorted(covered) == sorted(wanted)


def test_arguments_when_the_limit_is_odd_takes_the_nearest_sensible_one():
    asked = [SearchMessages.model_validate({"query": "q", "limit": given}).limit for given in (99, 0, "7", "all", None)]
    assert asked == [20, 1, 7, 10, 10]
