"""Notes of what an answer had to do without: heard by whoever listens, also from other threads."""

from shared.domain import degraded
from shared.domain.errors import IndexUnavailable, ModelRefused, ModelUnavailable
from shared.memory.gather import gather


def test_notes_are_heard_by_all_who_listen_around_them():
    with degraded.noting() as outer:
        with degraded.noting() as inner:
            degraded.note(IndexUnavailable())
        assert inner == {"vectors"}
        assert outer == {"vectors"}
        degraded.note(ModelUnavailable())
        degraded.note(ModelRefused())
    assert outer == {"vectors", "embeddings"}
    assert inner == {"vectors"}


def test_notes_of_other_threads_are_heard():
    with degraded.noting() as notes:
        gather(lambda: None, lambda: degraded.note(IndexUnavailable()))
    assert notes == {"vectors"}


def test_note_that_nobody_listens_for_is_lost_without_harm():
    degraded.note(IndexUnavailable())
    with degraded.noting() as notes:
        pass
    assert notes == set()
