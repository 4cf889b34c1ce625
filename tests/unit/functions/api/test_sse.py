"""Streamed answers, frame by frame."""

import json
from collections.abc import Iterator

import pytest

from functions.api import sse
from shared.domain.errors import AnswerDeclined, ModelRefused, ModelUnavailable
from shared.domain.evidence import Evidence, EvidenceToolCall
from shared.llm.failures import Objection
from shared.llm.types import Usage
from shared.reasoning.dialectic import Answered

WHOLE = Answered("Hello", Evidence(tool_calls=(EvidenceToolCall("search_memory", {"query": "é"}),)), Usage())


def pieces(*given: str | Answered | Exception) -> Iterator[str | Answered]:
    for one in given:
        if isinstance(one, Exception):
            raise one
        yield one


def framed(*given: str | Answered | Exception, with_evidence: bool = False) -> list[bytes]:
    return list(sse.frames(pieces(*given), with_evidence=with_evidence))


def test_frames_are_those_that_the_published_clients_read():
    assert framed("Hel", "lo é\n", WHOLE) == [
        b'data: {"delta":{"content":"Hel"},"done":false}\n\n',
        'data: {"delta":{"content":"lo é\\n"},"done":false}\n\n'.encode(),
        b'data: {"done":true}\n\n',
    ]


def test_last_frame_carries_the_evidence_when_it_is_wanted():
    *_, last = framed("Hello", WHOLE, with_evidence=True)
    closing = json.loads(last.removeprefix(b"data: "))
    assert closing["done"] is True
    assert closing["evidence"]["tool_calls"] == [{"tool_name": "search_memory", "tool_input": {"query": "é"}}]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModelUnavailable("host 10.0.0.7"), {"status": 503, "detail": "The model cannot be reached."}),
        (
            Objection("host 10.0.0.7 refused the request (HTTP 400)", "what somebody said"),
            {"status": 500, "detail": str(ModelRefused())},
        ),
        (AnswerDeclined("host 10.0.0.7"), {"status": 500, "detail": "The model declines to answer."}),
        (KeyError("what somebody said"), {"status": 500, "detail": "An unexpected error occurred"}),
    ],
)
def test_answer_that_breaks_off_ends_with_an_error_that_is_not_done(error: Exception, told: dict[str, object]):
    first, last = framed("Hel", error)
    assert b'"Hel"' in first
    assert json.loads(last.removeprefix(b"data: ")) == {"error": told, "done": False}
