"""Conversations out of files, good ones and bad ones."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.demo.conversation import ConversationInvalid, Said, read
from tests.support import conversation


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.json", conversation.as_json()), ("a.jsonl", conversation.as_jsonl()), ("a.txt", conversation.as_text())],
)
def test_read_when_the_format_changes_gives_the_same_messages(tmp_path: Path, name: str, text: str) -> None:
    said = read(_file(tmp_path, name, text))

    assert [(m.peer, m.content) for m in said] == [(m["peer"], m["content"]) for m in conversation.two_hundred()]


def test_read_when_json_names_a_time_keeps_it(tmp_path: Path) -> None:
    text = '[{"peer": "a", "content": "b", "created_at": "2026-01-02T03:04:05+00:00"}]'

    assert read(_file(tmp_path, "a.json", text)) == [Said("a", "b", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))]


def test_read_when_a_name_has_a_space_joins_it(tmp_path: Path) -> None:
    assert read(_file(tmp_path, "a.txt", "Anna Maria: good morning\n\n")) == [Said("Anna-Maria", "good morning")]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.txt", "a: b\nnothing said\n", "line 2: expected 'Name: text'"),
        ("a.txt", "a/b: c\n", "line 1: 'a/b' cannot name a peer"),
        ("a.jsonl", '{"peer": "a", "content": "b"}\n{"peer": "a"\n', "line 2: expected an object"),
        ("a.jsonl", '{"peer": "a"}\n', "line 1: 'peer' and 'content'"),
        ("a.json", '[{"peer": "a", "content": " "}]', "entry 1: the message is empty"),
        ("a.json", '[{"peer": "a", "content": "b", "created_at": "soon"}]', "entry 1: 'created_at' is not"),
        ("a.json", '["a: b"]', "entry 1: 'peer' and 'content'"),
        ("a.json", '{"peer": "a"}', "must hold a list"),
        ("a.json", "[", "not JSON"),
        ("a.txt", "\n", "there is no message in it"),
    ],
)
def test_read_when_an_entry_is_bad_names_it(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    with pytest.raises(ConversationInvalid) as refused:
        read(_file(tmp_path, name, text))

    assert complaint in str(refused.value)


def test_read_when_there_is_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConversationInvalid, match="missing"):
        read(tmp_path / "missing.txt")
