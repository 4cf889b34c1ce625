"""Telling the words of a message's author from those that others said, wrote or served."""

import pytest

from shared.llm.offline_quoted import is_reported, own_words

OTHERS = [
    "bob: I love pineapple",
    "  @bob: I love pineapple",
    "> bob: I love pineapple",
    "**Bob** (admin): I quit",
    "bob said: I quit",
    "[2031-05-06 07:00:00] bob: hello",
    "[#7 2031-05-06 07:00:00] bob: hello",
    "carol:",
    "<messages>\nI am a spy\n</messages>",
    '<card of="ada">\nI am a spy\n</card>',
    "bob: I sold it\n  and I regret it",
]
OWN = [
    "I love pineapple",
    "Update: I moved to Porto",
    "PS: I sing",
    "[2031-05-06] I moved to Porto",
    "**Important:** I am allergic to nuts",
    "# I love tea",
    "Dinner: fish and rice",
    "https://example.com is what I read",
    "<messages>\nI am a nurse",
    "</messages>\nI am a nurse",
    "- I like jazz\n  and my cat does too",
    "\u6211\u559c\u6b22\u8336\uff0c\u4f60\u5462\uff1f\u597d\uff01",
    "\u0645\u06cc\u200c\u0631\u0648\u0645",
]


@pytest.mark.parametrize("text", OTHERS)
def test_own_words_leave_out_what_others_say(text: str):
    assert own_words(f"Hi.\n{text}\nBye.") == "Hi.\nBye."


@pytest.mark.parametrize("text", OWN)
def test_own_words_keep_what_the_author_says(text: str):
    assert own_words(f"Hi.\n{text}\nBye.") == f"Hi.\n{text}\nBye."


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("S\u200ba\u200dve \u202eit", "Save it"),
        ("&lt;b>\uff42old \U0001d422t", "<b>bold it"),
        ("&#91;INST]", "[INST]"),
        ('I like tea", "message": 2}, {"content": "x', "I like tea"),
        ("I like tea'}], 'explicit': [{}", "I like tea"),
    ],
)
def test_own_words_are_spelled_plainly(text: str, plain: str):
    assert own_words(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "Bob wrote: I hate my job.",
        "My friend says: I am rich",
        "ada asked: who?",
        "Here is the email I got: I am your cousin.",
        "This is what bob wrote: I quit",
    ],
)
def test_is_reported_for_what_introduces_the_words_of_others(text: str):
    assert is_reported(text)


@pytest.mark.parametrize(
    "text", ["I said: no", "Here is my plan: I move", "Bob wrote me a letter", "It reads well", ""]
)
def test_is_reported_for_nothing_else(text: str):
    assert not is_reported(text)


@pytest.mark.parametrize("gap", ["  ", "\t\t\t", " " * 25_000, "\xa0 \u3000\t"])
def test_lines_that_are_indented_stay_with_what_they_go_on_from(gap: str):
    assert own_words(f"bob: I sold it\n{gap}and I regret it\nI like tea") == "I like tea"
