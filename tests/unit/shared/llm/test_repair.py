"""What is made of the many ways in which models write almost JSON."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.domain.errors import AnswerUnreadable
from shared.llm.repair import parse_object, read

WHOLE = {"facts": [{"text": "likes tea"}, {"text": 'says "hi"'}], "note": "a, {b} [c]"}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, 2]}',
        '\n  {"a": [1, 2]}  ',
        '```json\n{"a": [1, 2]}\n```',
        'Here it is:\n\n```\n{"a": [1, 2]}\n```\nAnything else?',
        'Sure! {"a": [1, 2]} Let me know.',
        '{"a": [1, 2,],}',
        "{'a': [1, 2]}",
        "{a: [1, 2]}",
        '{"a": [1, 2] // both\n}',
        '{"a": [1, 2]',
        '```json\n{"a": [1, 2]',
        'In {this} form: {"a": [1, 2]}',
        'For example {"a": 1}. My answer: {"a": [1, 2]}',
    ],
)
def test_parse_object_with_almost_json_finds_the_object(text: str) -> None:
    assert parse_object(text) == {"a": [1, 2]}


def test_parse_object_with_a_line_break_in_a_string_keeps_it() -> None:
    assert parse_object('{"a": "one\ntwo"}') == {"a": "one\ntwo"}


def test_parse_object_with_unescaped_quotes_keeps_the_text() -> None:
    assert parse_object('{"a": "he said "hi" to me"}') == {"a": 'he said "hi" to me'}


def test_parse_object_with_an_unpaired_quote_keeps_what_follows_it() -> None:
    assert parse_object('{"a": "a 3" nail", "b": [1, 2]}')["b"] == [1, 2]


def test_parse_object_with_a_fence_inside_a_string_reads_the_whole() -> None:
    text = json.dumps({"a": '```json\n{"b": 1}\n```'})
    assert parse_object(text) == {"a": '```json\n{"b": 1}\n```'}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"facts": [{"text": "one"}, {"text": "tw', {"facts": [{"text": "one"}]}),
        ('{"facts": [{"text": "one"}, {"text": "two"', {"facts": [{"text": "one"}]}),
        ('{"facts": [{"text": "one"},', {"facts": [{"text": "one"}]}),
        ('{"facts": ["one", "two"', {"facts": ["one", "two"]}),
        ('{"facts": ["one", "two\\"', {"facts": ["one"]}),
        ('{"facts": [1, 23', {"facts": [1]}),
        ('{"facts": [[1, 2], [3, 4', {"facts": [[1, 2]]}),
        ('{"answer": "done", "facts": [{"text": "tw', {"answer": "done"}),
        ('{"answer": "done"', {"answer": "done"}),
        ('{"a": {"b": "done", "c": "ha', {"a": {"b": "done"}}),
    ],
)
def test_parse_object_when_cut_off_keeps_what_is_complete(text: str, kept: object) -> None:
    assert parse_object(text) == kept


@given(st.integers(1, len(json.dumps(WHOLE)) - 1))
def test_parse_object_when_cut_anywhere_keeps_only_whole_items(length: int) -> None:
    try:
        found = parse_object(json.dumps(WHOLE)[:length])
    except AnswerUnreadable:
        return
    assert all(item in WHOLE["facts"] for item in found.get("facts", []))
    assert found.get("note", WHOLE["note"]) == WHOLE["note"]


@pytest.mark.parametrize(
    "text", ["", "I cannot do that.", '[{"a": 1}]', '"text"', "null", "{", '{"a', "[" * 100_000, "{" * 5000]
)
def test_parse_object_without_an_object_raises_unreadable(text: str) -> None:
    with pytest.raises(AnswerUnreadable):
        parse_object(text)


@given(st.text(alphabet='{}[]",:\\ab1 \n`', max_size=60))
def test_parse_object_with_any_text_gives_an_object_or_raises_unreadable(text: str) -> None:
    with suppress(AnswerUnreadable):
        assert isinstance(parse_object(text), dict)


class Facts(BaseModel):
    """What an answer should look like."""

    facts: list[str]


def test_read_with_a_fitting_object_gives_the_model() -> None:
    assert read(Facts, '```json\n{"facts": ["likes tea",]}\n```') == Facts(facts=["likes tea"])


def test_read_with_another_object_names_the_places_and_quotes_nothing() -> None:
    with pytest.raises(AnswerUnreadable) as caught:
        read(Facts, '{"facts": [{"secret": 1}]}')
    assert str(caught.value) == "the answer is not of the form Facts: look at facts.0"
