"""Facts: read forgivingly where nothing depends on it, and kept for whoever takes the window over."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.domain.errors import AnswerUnreadable
from shared.domain.message import Message
from shared.domain.work import Claim, TaskKind, WorkItem, WorkUnit
from shared.reasoning import facts
from shared.reasoning.facts import Fact

THEN = datetime(2031, 5, 6, tzinfo=UTC)


def item(seq: int) -> WorkItem:
    return WorkItem(seq, seq, f"m{seq}", 1, ("ada",), None, THEN, 0)


def claim(*seqs: int, answer: str | None = None) -> Claim:
    unit = WorkUnit("w", TaskKind.DERIVE, "s", "ada")
    return Claim(unit, "t", tuple(item(seq) for seq in seqs), 1, 1, THEN, answer)


def message(seq: int, peer: str, content: str) -> Message:
    return Message(f"m{seq}", "w", "s", peer, seq, content, 1, {}, THEN)


@pytest.mark.parametrize("number", [3, "3", "#3", " 3 "])
def test_read_takes_the_number_of_a_message_in_any_spelling(number: object):
    text = json.dumps({"explicit": [{"content": "x", "message": number}]})
    assert facts.read(text) == [Fact(content="x", message=3)]


@pytest.mark.parametrize("number", [None, "none", [], True, -1, "1.5"])
def test_read_when_the_number_is_none_keeps_the_fact(number: object):
    assert facts.read(json.dumps({"explicit": [{"content": "x", "message": number}]})) == [Fact(content="x")]


@pytest.mark.parametrize("text", ['{"explicit": []}', "{}", "```json\n{}\n```"])
def test_read_when_nothing_was_found_gives_nothing(text: str):
    assert facts.read(text) == []


OTHERS = ['{"error": "overloaded"}', '{"facts": [{"content": "x"}]}', "I cannot {'found': [}", '{"explicit": null}']


@pytest.mark.parametrize("text", ["", "[]", '{"explicit": [{"message": 1}]}', '{"explicit": "none"}', *OTHERS])
def test_read_when_there_is_no_list_of_facts_is_an_error(text: str):
    with pytest.raises(AnswerUnreadable):
        facts.read(text)


def test_what_was_kept_is_restored_as_it_was():
    claimed = claim(1, 3)
    shown = [message(1, "ada", "I sing in Lisbon"), message(2, "bob", "Oh"), message(3, "ada", "Alto")]
    found = [
        Fact(content="ada sings", message=1, quote="i sing", date="2031-05"),
        Fact(content="ada is an alto", message=2, quote="nowhere"),
    ]
    drafts = facts.drafts_of(found, shown, claimed)
    assert [draft.message_ids for draft in drafts] == [("m1",), ("m1", "m3")]
    assert facts.restored(replace(claimed, answer=facts.kept(claimed, drafts))) == drafts


def test_what_was_kept_about_other_messages_is_not_restored():
    kept = facts.kept(claim(1, 3), [])
    assert facts.restored(claim(1, 3, answer=kept)) == []
    assert facts.restored(claim(1, 2, 3, answer=kept)) is None
    assert facts.restored(claim(1, answer=kept)) is None


@pytest.mark.parametrize("kept", [None, "", "{}", '{"explicit": []}', "nonsense"])
def test_what_cannot_be_read_is_not_restored(kept: str | None):
    assert facts.restored(claim(1, answer=kept)) is None
