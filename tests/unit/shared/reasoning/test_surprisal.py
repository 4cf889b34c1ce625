"""Scores of surprise, held against the plainest way to reckon them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.reasoning.surprisal import scored

COORDINATES = st.floats(-1, 1).filter(lambda number: abs(number) > 1e-3)
POINTS = st.lists(st.tuples(COORDINATES, COORDINATES, COORDINATES), min_size=7, max_size=24)


def plainly(points: list[tuple[float, ...]], k: int) -> list[float]:
    """One distance after the other."""
    units = [[one / math.hypot(*point) for one in point] for point in points]
    surprise = []
    for place, unit in enumerate(units):
        others = sorted(math.dist(unit, other) for number, other in enumerate(units) if number != place)
        surprise.append(math.log(sum(others[:k]) / k + 1e-10))
    low, high = min(surprise), max(surprise)
    return [0.5] * len(points) if high - low < 1e-9 else [(one - low) / (high - low) for one in surprise]


@given(POINTS, st.integers(1, 3))
def test_scores_are_those_of_the_exact_nearest_neighbours(points: list[tuple[float, ...]], k: int):
    # Nearer than a product of floats can tell, distances say nothing.
    if min(math.dist(one, other) for n, one in enumerate(points) for other in points[:n]) < 1e-3:
        return
    assert scored(points, k=k) == pytest.approx(plainly(points, k), abs=1e-3)


def test_what_lies_alone_is_the_most_surprising():
    crowd = [(1.0, 0.01 * place, 0.0) for place in range(10)]
    scores = scored([*crowd, (-1.0, 0.0, 0.3)], k=3)
    assert scores[-1] == 1.0
    assert max(scores[:-1]) < 0.9


def test_all_alike_surprise_in_between():
    assert scored([(1.0, 0.0)] * 6, k=2) == [0.5] * 6


def test_length_of_a_vector_does_not_count():
    points = [(1.0, 0.2), (1.0, 0.3), (1.0, 0.4), (0.1, 1.0)]
    stretched = [tuple(9 * one for one in point) for point in points]
    assert scored(points, k=1) == pytest.approx(scored(stretched, k=1))
