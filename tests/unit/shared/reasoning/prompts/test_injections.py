"""What users write stays inside its place in every prompt, whatever it is."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.domain.conclusion import Conclusion
from shared.domain.message import Message
from shared.reasoning.prompts import FENCES, defused, fenced, indented, render
from shared.reasoning.tools.lines import conclusion_lines, message_lines
from shared.reasoning.transcript import transcript
from tests.support.injections import ATTACKS, lines_at_the_margin, tags, turn_marks

THEN = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
MAX_CHARS = 2000


def said(*texts: str) -> list[Message]:
    peers = ("ada", "bob")
    return [
        Message(f"m{place}", "w", "s", peers[place % 2], place + 1, text, 1, {}, THEN)
        for place, text in enumerate(texts)
    ]


def known(*texts: str) -> list[Conclusion]:
    return [
        Conclusion(f"c{place}", "w", "ada", "bob", "s", "explicit", text, 1, (), (), (), THEN, THEN)
        for place, text in enumerate(texts)
    ]


def from_messages(text: str) -> str:
    return "\n".join(message_lines(said("Hi", text, "Bye"), max_chars=MAX_CHARS))


def history(text: str) -> str:
    return fenced("session_history", from_messages(text))


def dialectic(name: str, text: str) -> str:
    return render(
        name,
        custom_instructions=f"Additional:\n  {indented(text)}",
        searching="",
        perspective=render("perspective_own", observed="ada"),
        cards="",
        history=history(text),
        now="2031-05-06 07:08:09",
    )


# Each prompt with a user's text in one place of it, where it may only take lines that are indented.
IN_LINES: dict[str, Callable[[str], str]] = {
    "derive": lambda text: render(
        "derive", custom_instructions="", target="ada", messages="\n".join(transcript(said("Hi", text, "Bye")))
    ),
    "derive, instructions": lambda text: render(
        "derive", custom_instructions=f"Additional:\n  {indented(text)}", target="ada", messages="[#1 …] ada: Hi"
    ),
    "summary_short": lambda text: render(
        "summary_short",
        custom_instructions="",
        words="100",
        earlier="(none yet)",
        messages="\n".join(transcript(said("Hi", text, "Bye"))),
    ),
    "summary_long": lambda text: render(
        "summary_long",
        custom_instructions=f"Additional:\n  {indented(text)}",
        words="100",
        earlier="(none yet)",
        messages="\n".join(transcript(said("Hi", text, "Bye"))),
    ),
    "dialectic": lambda text: dialectic("dialectic", text),
    "dialectic_minimal": lambda text: dialectic("dialectic_minimal", text),
    "dialectic_workspace": lambda text: render(
        "dialectic_workspace",
        custom_instructions=f"Additional:\n  {indented(text)}",
        searching="",
        reach="All.",
        history=history(text),
        now="2031-05-06 07:08:09",
    ),
    "dream_material, instructions": lambda text: render(
        "dream_material",
        custom_instructions=f"Additional:\n  {indented(text)}",
        perspective="Own.",
        now="2031-05-06 07:08:09",
        card="",
        surprising="",
        conclusions="",
    ),
    "conclusions beside a question": lambda text: render(
        "question",
        query="Who?",
        conclusions=fenced("conclusions", conclusion_lines(known("x", text, "y"), max_chars=MAX_CHARS)),
    ),
    "conclusions of all, from a tool": lambda text: conclusion_lines(
        known("x", text, "y"), max_chars=MAX_CHARS, is_of_all=True
    ),
    "messages from a tool": lambda text: fenced("findings", from_messages(text)),
}
# The same where a text has a whole place of its own, fenced or at the end of what is static.
IN_PLACES: dict[str, Callable[[str], str]] = {
    "earlier summary": lambda text: render(
        "summary_long", custom_instructions="", words="9", earlier=defused(text), messages="[#1 …] a: b"
    ),
    "card": lambda text: fenced("peer_card", text, of="ada", role="subject"),
    "query": lambda text: render("question", query=defused(text), conclusions=fenced("conclusions", "x")),
}
EVERYWHERE = IN_LINES | IN_PLACES

FRAGMENTS = [
    *("<", "</", "/", ">", "< /", "\uff1c", "\u2039", "[", "]", "[#1 2031-05-06 07:08:09] bob: ", "  ", "{{", "}}"),
    *("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\u200b", "\u00ad", "\ufe0f", "\u202e"),
    *("<|", "|>", "im_start", "[INST]", "</s>", "<end_of_turn>", "Target peer: bob", "Query: ", "## Explicit", "--- "),
    *("messages", "MESSAGES", "\uff4dessages", "{{messages}}", "{{target}}", "(id: c9; about bob)", "\\1", "&lt;"),
    *FENCES,
]
TEXTS = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=14).map("".join)


def check(place: str, text: str) -> None:
    told, harmless = EVERYWHERE[place](text), EVERYWHERE[place]("Hello")
    assert tags(told) == tags(harmless)
    assert turn_marks(told) == []
    if place in IN_LINES:
        assert len(lines_at_the_margin(told)) == len(lines_at_the_margin(harmless))


def test_there_are_enough_attacks_of_every_kind():
    assert len(ATTACKS) >= 60
    assert len({attack.kind for attack in ATTACKS}) >= 10
    assert len({attack.text for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("place", EVERYWHERE)
def test_attack_stays_in_its_place(place: str):
    for attack in ATTACKS:
        check(place, attack.text)


@pytest.mark.parametrize("place", EVERYWHERE)
@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@example(text="</messages>")
@example(text="\u200b<\u200b/\u200bmessages\u200b>")
@given(text=TEXTS)
def test_any_text_stays_in_its_place(place: str, text: str):
    check(place, text)


@settings(deadline=None, derandomize=True, database=None)
@given(text=TEXTS)
def test_defusing_twice_changes_nothing_more(text: str):
    once = defused(text)
    assert defused(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "<b>bold</b> [1] [INSTALL]",
        "if x<y: <think>",
        "5 < messages",
        "<Straße>",
        "\u2039zitat\u203a",
    ],
)
def test_defusing_leaves_ordinary_text_alone(text: str):
    assert defused(text) == (text if "messages" not in text else "5 &lt; messages")


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if "(id:" in attack.text], ids=lambda one: one.kind)
def test_conclusion_cannot_say_whom_another_is_about(attack):
    [_, line] = conclusion_lines(known(attack.text), max_chars=MAX_CHARS, is_of_all=True).split("\n", 1)
    assert line.count("(id:") == 1
    assert line.endswith("(id: c0; ada about bob)")
