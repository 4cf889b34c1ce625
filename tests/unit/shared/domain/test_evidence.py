"""Evidence: what an answer has read, each thing once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.domain.conclusion import Conclusion
from shared.domain.evidence import (
    Evidence,
    EvidenceConclusion,
    EvidenceMessage,
    EvidenceQuote,
    EvidenceToolCall,
    evidence,
)
from shared.domain.message import Message
from shared.domain.quotes import Quote

THEN = datetime(2031, 5, 6, tzinfo=UTC)
LATER = THEN + timedelta(days=1)


def conclusion(conclusion_id: str) -> Conclusion:
    return Conclusion(conclusion_id, "w", "ada", "bob", "s", "deductive", "x", 2, ("c0",), (), (), THEN, LATER)


def test_evidence_keeps_the_first_of_each_in_order_and_every_call():
    message = Message("m1", "w", "s", "ada", 4, "secret", 1, {}, THEN)
    call = EvidenceToolCall("search_memory", {"query": "x"})
    read = evidence([conclusion("c2"), conclusion("c1"), conclusion("c2")], [message, message], [call, call])
    assert [one.id for one in read.conclusions] == ["c2", "c1"]
    assert read.conclusions[1] == EvidenceConclusion("c1", "deductive", "x", LATER, "s", "ada", "bob", ("c0",))
    assert read.messages == (EvidenceMessage("m1", "s", "ada", THEN),)
    assert read.tool_calls == (call, call)


def test_evidence_shows_the_quotes_whose_messages_were_read():
    message = Message("m1", "w", "s", "ada", 4, "I sing alto", 1, {}, THEN)
    quoted = replace(conclusion("c1"), event_at=THEN, quotes=(Quote("m1", 2, 6), Quote("m2", 0, 1)))
    [read] = evidence([quoted], [message], []).conclusions
    assert (read.quotes, read.event_at) == ((EvidenceQuote("m1", 2, 6, "sing"),), THEN)


def test_evidence_of_nothing_is_empty():
    assert evidence([], [], []) == Evidence()


def test_evidence_names_conclusions_whole_where_a_tool_was_given_the_beginning_of_an_id():
    calls = [
        EvidenceToolCall("get_reasoning_chain", {"conclusion_id": "abc", "direction": "both"}),
        EvidenceToolCall("get_conclusion_context", {"conclusion_ids": ["abc", "xyz", "", "a", 7]}),
        EvidenceToolCall("search_memory", {"query": "abc"}),
    ]
    read = evidence([conclusion("abcdef"), conclusion("axyzab")], [], calls)
    assert [call.tool_input for call in read.tool_calls] == [
        {"conclusion_id": "abcdef", "direction": "both"},
        {"conclusion_ids": ["abcdef", "xyz", "", "a", 7]},
        {"query": "abc"},
    ]
