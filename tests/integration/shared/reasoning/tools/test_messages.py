"""Reading messages with tools: by words, letter by letter, by time, by session."""

from dataclasses import replace

import pytest


@pytest.fixture
def talk(memory):
    """Ada and bob talk in s; bob talks alone in den."""
    memory.hears(
        "s",
        ("ada", "My code is XQ-17 and I love the sea"),
        ("bob", "Which sea?"),
        ("ada", "The Baltic, of course"),
        ("bob", "It is cold"),
        ("ada", "Not in July"),
        ("ada", "My flight is AZ 4711"),
    )
    memory.hears("den", ("bob", "the secret code is XQ-99"))
    return memory


def test_grep_finds_the_exact_text_whatever_its_case_and_shows_its_neighbours(talk):
    assert talk.tools("ada", "ada").say("grep_messages", text="az 4711", context_window=1) == (
        "<findings>\n--- session s, 1 match ---\n"
        "[2031-05-06 07:04] ada: Not in July\n"
        "> [07:05] ada: My flight is AZ 4711\n</findings>"
    )


def test_grep_finds_a_part_of_a_word_among_the_newest(talk):
    assert "> [07:02] ada: The Baltic" in talk.tools("ada", "ada").say("grep_messages", text="alti")


def test_grep_of_several_matches_counts_them_and_begins_with_the_newest(talk):
    used = talk.tools("ada", "ada").use("grep_messages", text="sea", context_window=0, limit=5)
    assert [message.content for message in used.result.messages] == [
        "My code is XQ-17 and I love the sea",
        "Which sea?",
    ]
    assert "--- session s, 2 matches ---" in used.result.text
    newest = talk.tools("ada", "ada").use("grep_messages", text="sea", context_window=0, limit=1)
    assert [message.content for message in newest.result.messages] == ["Which sea?"]


@pytest.mark.parametrize("text", ["no such text", "%", "code_is", "   "])
def test_grep_when_nothing_matches_says_so(talk, text):
    assert talk.tools("ada", "ada").say("grep_messages", text=text) == "No messages match this query."


def test_messages_by_date_lists_a_time_in_the_order_asked_for(talk):
    tools = talk.tools("ada", "ada")
    between = {"after_date": "2031-05-06T07:02", "before_date": "2031-05-06T07:03"}
    newest = tools.use("get_messages_by_date_range", **between).result.messages
    oldest = tools.use("get_messages_by_date_range", **between, order="asc").result.messages
    assert [message.content for message in newest] == ["It is cold", "The Baltic, of course"]
    assert newest == oldest[::-1]


def test_messages_by_date_of_a_day_hold_the_whole_day_and_nothing_else(talk):
    tools = talk.tools("ada", "ada")
    day = tools.use("get_messages_by_date_range", after_date="2031-05-06", before_date="2031-05-06")
    assert len(day.result.messages) == 6
    assert tools.say("get_messages_by_date_range", after_date="2031-05-07") == "There are no messages."
    assert len(tools.use("get_messages_by_date_range", limit=2).result.messages) == 2


@pytest.mark.parametrize(
    "dates", [{"after_date": "yesterday"}, {"after_date": "2031-05-07", "before_date": "2031-05-06"}]
)
def test_messages_by_date_when_the_dates_make_no_sense_says_what_would(talk, dates):
    used = talk.tools("ada", "ada").use("get_messages_by_date_range", **dates)
    assert not used.is_ok
    assert "date" in used.result.text.lower()


def test_search_messages_of_a_time_finds_only_what_was_said_then(talk):
    tools = talk.tools("ada", "ada")
    found = tools.use("search_messages", query="sea", after_date="2031-05-06T07:01", limit=1).result.text
    assert "> [07:01] bob: Which sea?" in found
    assert found.count("> ") == 1


def test_recent_history_shows_the_end_of_the_session_in_order(talk):
    told = talk.tools("ada", "ada", session="s").say("get_recent_history")
    lines = told.split("\n")
    assert lines[1] == "--- session s ---"
    assert [line.partition("] ")[2] for line in lines[2:4]] == [
        "ada: My code is XQ-17 and I love the sea",
        "bob: Which sea?",
    ]
    assert lines[-2].endswith("AZ 4711")


def test_recent_history_keeps_to_its_tokens(talk):
    settings = talk.backends.settings
    tokens = settings.dialectic.model_copy(update={"history_token_limit": 12})
    short = talk.backends.settings.model_copy(update={"dialectic": tokens})
    talk.backends = replace(talk.backends, settings=short)
    used = talk.tools("ada", "ada", session="s").use("get_recent_history")
    assert 1 <= len(used.result.messages) < 6
    assert used.result.messages[-1].content == "My flight is AZ 4711"


def test_recent_history_without_a_session_asks_for_one(talk):
    used = talk.tools("ada", "ada").use("get_recent_history")
    assert (used.is_ok, used.result.text) == (False, "Name the session; search results name theirs.")


def test_history_when_messages_are_long_keeps_whole_ones_of_the_end(memory):
    memory.hears("s", *(("ada", f"{number} " + "x" * 1900) for number in range(8)))
    used = memory.tools("ada", "ada", session="s").use("get_recent_history")
    assert len(used.result.text) <= 10_000
    assert used.result.messages[-1].content.startswith("7 ")
    assert "cut here" not in used.result.text
    assert used.result.text.count("] ada: ") == len(used.result.messages) < 8


def test_snippets_when_they_do_not_all_fit_are_whole_and_are_all_that_counts_as_read(memory):
    for number in range(8):
        memory.hears(f"s{number}", ("ada", "zither " + "x" * 1900))
    used = memory.tools("ada", "ada").use("search_messages", query="zither")
    assert len(used.result.text) <= 10_000
    assert used.result.text.count("1 match ---") == len(used.result.messages) < 8
