"""Transcripts: numbered lines that no text can imitate, as many as may be sent."""

from datetime import UTC, datetime

import pytest

from shared.domain.message import Message
from shared.llm import tokens
from shared.reasoning.transcript import fitted, lines, transcript

THEN = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)
PROMPT = "Read this.\n<messages>\n{}\n</messages>\nNow answer."


def message(seq: int, peer: str, content: str) -> Message:
    return Message(f"m{seq}", "w", "s", peer, seq, content, tokens.count(content), {}, THEN)


def prompt(text: str) -> str:
    return PROMPT.replace("{}", text)


def test_transcript_numbers_lines_and_indents_further_ones():
    assert transcript([message(4, "ada", "One\r\ntwo\u2028three\x85four"), message(5, "bob", "")]) == [
        "[#1 2031-05-06 07:08:00] ada: One\n  two\n  three\n  four",
        "[#2 2031-05-06 07:08:00] bob: ",
    ]


def test_fitted_when_everything_fits_shows_everything():
    said = [message(1, "bob", "Hello"), message(2, "ada", "Hi")]
    assert [(one.message, one.text) for one in fitted(said, {2}, prompt, max_tokens=1000)] == [
        (said[0], "Hello"),
        (said[1], "Hi"),
    ]


@pytest.mark.parametrize("room", [400, 300, 200, 120, 90])
def test_fitted_lets_context_go_oldest_first_and_keeps_the_prompt_whole(room: int):
    said = [message(seq, "bob", f"Context number {seq} " + "word " * 20) for seq in range(1, 12)]
    said += [message(12, "ada", "Lisbon"), message(13, "bob", "Newest context"), message(14, "ada", "Indeed")]
    shown = fitted(said, {12, 14}, prompt, max_tokens=room)
    sent = prompt("\n".join(lines(shown)))
    assert tokens.count(sent) <= room
    assert not any(one.is_cut for one in shown)
    seqs = [one.message.seq for one in shown]
    assert seqs[-3:] == [12, 13, 14]
    assert seqs == list(range(seqs[0], 15))
    # One more would not have fitted.
    more = said[-len(shown) - 1 :]
    assert tokens.count(prompt("\n".join(transcript(more)))) > room


def test_fitted_when_the_own_messages_are_too_long_cuts_the_longest_and_drops_all_context():
    said = [
        message(1, "bob", "Context"),
        message(2, "ada", "short and sweet"),
        message(3, "ada", "long " * 400),
        message(4, "ada", "\u957f" * 400),
    ]
    shown = fitted(said, {2, 3, 4}, prompt, max_tokens=300)
    assert [(one.message.seq, one.is_cut) for one in shown] == [(2, False), (3, True), (4, True)]
    sent = prompt("\n".join(lines(shown)))
    assert 250 < tokens.count(sent) <= 300
    assert sent.startswith("Read this.")
    assert sent.endswith("</messages>\nNow answer.")
    assert shown[1].text.endswith(" [\u2026]")
    assert shown[1].message.content.startswith(shown[1].text.removesuffix(" [\u2026]"))


def test_fitted_when_there_is_no_room_at_all_still_shows_the_beginnings():
    shown = fitted([message(1, "ada", "word " * 400)], {1}, prompt, max_tokens=1)
    assert shown[0].text.startswith("word word")
    assert tokens.count(shown[0].text) < 40
