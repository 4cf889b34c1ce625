"""What the arrivals of an answer say about where it was gathered."""

import pytest

from infra.deploy.stream_check import Arrival, NotStreamed, verdict

PIECES = [b'data: {"delta": {"content": "a"}, "done": false}\n\n' for _ in range(4)]
END = b'data: {"done": true}\n\n'
WHOLE = b"".join(PIECES) + END


def test_verdict_on_pieces_that_came_before_the_end_tells_their_times():
    told = verdict([Arrival(0.5, PIECES[0]), Arrival(0.75, b"".join(PIECES[1:])), Arrival(2.5, END)], has_length=False)
    assert told == "first byte after 500 ms, last piece 2000 ms later, 5 pieces"


def test_verdict_on_an_answer_of_known_length_is_not_streamed_however_it_came():
    with pytest.raises(NotStreamed, match="Content-Length"):
        verdict([Arrival(0.01, PIECES[0]), Arrival(0.02, WHOLE[len(PIECES[0]) :])], has_length=True)


def test_verdict_on_all_pieces_at_once_after_a_while_is_not_streamed():
    with pytest.raises(NotStreamed, match=r"all 5 pieces came at once after 3\.0 s"):
        verdict([Arrival(3.0, WHOLE)], has_length=False)


def test_verdict_on_all_pieces_at_once_without_delay_does_not_claim_to_know():
    assert "too quick" in verdict([Arrival(0.02, WHOLE)], has_length=False)


@pytest.mark.parametrize("data", [b"", b"".join(PIECES), b'{"content": "no events at all"}', WHOLE[:-6]])
def test_verdict_on_an_answer_without_its_end_is_not_streamed(data: bytes):
    with pytest.raises(NotStreamed, match="no end"):
        verdict([Arrival(0.1, data)], has_length=False)
