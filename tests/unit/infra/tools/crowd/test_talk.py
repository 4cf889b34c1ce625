"""The talk that a database is filled with: always the same, whatever was told of it before."""

from collections import Counter

import pytest

from infra.bootstrap import ROOT
from infra.tools.crowd.talk import BIG, GUIDE, LONG_SESSION, Talk


@pytest.fixture(autouse=True)
def tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(ROOT / "layers" / "models" / "encodings"))


@pytest.mark.parametrize("messages", [1, 99, 300, 12_345])
def test_sessions_have_as_many_messages_as_were_asked_for(messages: int):
    sessions = list(Talk(messages).sessions())
    assert sum(session.taken for session in sessions) == messages
    assert len({(session.workspace, session.name) for session in sessions}) == len(sessions)


def test_most_sessions_are_of_one_workspace_and_one_of_them_is_long():
    sessions = list(Talk(200_000).sessions())
    places = Counter(session.workspace == BIG for session in sessions)
    assert places[True] == pytest.approx(0.9 * len(sessions), rel=0.01)
    assert sessions[0].name == LONG_SESSION
    assert sessions[0].taken == 10_000


def test_longer_talk_begins_with_the_shorter_one():
    shorter, longer = list(Talk(110_000).sessions()), list(Talk(130_000).sessions())
    assert longer[: len(shorter)] == shorter
    assert Talk(130_000).lines(longer[3]) == Talk(110_000).lines(shorter[3])


def test_lines_are_told_by_turns_in_time_and_mean_something_in_common():
    talk = Talk(1000)
    _, session, *_ = talk.sessions()
    lines = talk.lines(session)
    assert [line.seq for line in lines] == list(range(1, session.taken + 1))
    assert [line.peer for line in lines[:2]] == [session.person, GUIDE]
    assert sorted(line.at for line in lines) == [line.at for line in lines]
    words = Counter(word for line in lines[:60] for word in set(line.text.lower().split()))
    # The words of its topic come again and again.
    assert [count for _, count in words.most_common(5)] >= [12] * 5


def test_questions_are_always_the_same():
    assert Talk(10).questions(5) == Talk(1000).questions(9)[:5]
    assert len(set(Talk(10).questions(20))) == 20
