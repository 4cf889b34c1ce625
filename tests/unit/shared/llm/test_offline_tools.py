"""Which tools a question calls for."""

import pytest

from shared.llm.offline_tools import grounds_wanted, tools_wanted


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ('Who said "over the moon"?', [("grep_messages", {"text": "over the moon"})]),
        (
            "What was said on 2026-03-02?",
            [
                (
                    "get_messages_by_date_range",
                    {"after_date": "2026-03-02", "before_date": "2026-03-02", "order": "asc"},
                )
            ],
        ),
        (
            "What did ada do in February 2028?",
            [
                (
                    "get_messages_by_date_range",
                    {"after_date": "2028-02-01", "before_date": "2028-02-29", "order": "asc"},
                )
            ],
        ),
        ("What has ada been up to lately?", [("get_recent_conclusions", {})]),
        ("What does ada talk about most often?", [("get_most_derived_conclusions", {})]),
        ("Please summarise the session.", [("get_session_summary", {})]),
        ("What was said last?", [("get_recent_history", {})]),
        ("What is on the card of bob?", [("get_peer_card", {"peer": "bob"})]),
        ("Show bob's profile", [("get_peer_card", {"peer": "bob"})]),
        ("Where does ada live?", []),
        ("May I ask you something?", []),
        ("What happens on 2026-99-99 in March 0000?", None),
    ],
)
def test_tools_wanted_follow_the_wording_of_the_question(query: str, wanted: list[object] | None):
    found = list(tools_wanted(query))
    assert wanted is None or found == wanted


def test_grounds_are_wanted_when_they_are_asked_for_and_something_is_known():
    assert [name for name, _ in grounds_wanted("How do you know that ada likes tea?", ["a", "b"])] == [
        "get_reasoning_chain",
        "get_conclusion_context",
    ]
    assert list(grounds_wanted("How do you know?", [])) == []
    assert list(grounds_wanted("Does ada like tea?", ["a"])) == []
