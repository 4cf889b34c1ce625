"""Prompts: strict slots, data that stays data, and each text as it is sent."""

from pathlib import Path

import pytest

from shared.reasoning.prompts import FENCES, defused, fenced, render

GOLDEN = Path(__file__).parents[1] / "golden"
CARD = fenced("peer_card", "IDENTITY: Name is Ada\nATTRIBUTE: Lives in Turin", of="ada", role="subject")
HISTORY = fenced("session_history", "[2031-05-06 07:08] ada: Hello there")
INSTRUCTIONS = "Additional instructions for this workspace:\n  Keep to music."
SITUATION = {
    "custom_instructions": "",
    "perspective": render("perspective_own", observed="ada"),
    "cards": CARD,
    "history": HISTORY,
    "now": "2031-05-06 07:10",
}
SHOWN: dict[str, dict[str, str]] = {
    "derive": {
        "custom_instructions": INSTRUCTIONS,
        "target": "ada",
        "messages": "[#1 2031-05-06 07:08:09] bob: Do you sing?\n[#2 2031-05-06 07:09:00] ada: Alto.\n  In a choir.",
    },
    "summary_short": {
        "custom_instructions": "",
        "words": "150",
        "earlier": "(none yet)",
        "messages": "[#1 2031-05-06 07:08:09] bob: Hello",
    },
    "summary_long": {
        "custom_instructions": INSTRUCTIONS,
        "words": "600",
        "earlier": "bob greeted.",
        "messages": "[#1 2031-05-06 07:08:09] bob: Hello",
    },
    "dialectic": {**SITUATION, "searching": render("searching"), "custom_instructions": INSTRUCTIONS},
    "dialectic_minimal": {**SITUATION, "searching": render("searching_minimal"), "cards": "", "history": ""},
    "dialectic_workspace": {
        "searching": render("searching"),
        "custom_instructions": INSTRUCTIONS,
        "reach": "You can read everything.",
        "history": HISTORY,
        "now": SITUATION["now"],
    },
    "searching": {},
    "searching_minimal": {},
    "perspective_own": {"observed": "ada"},
    "perspective_other": {"observer": "bob", "observed": "ada"},
    "question": {
        "query": "Where does Ada live?",
        "conclusions": fenced("conclusions", "## Explicit\n[2031-05-06 07:08] ada lives in Turin (id: V1StG)"),
    },
    "dream_deduction": {},
    "dream_induction": {},
    "dream_card": {},
    "dream_own": {"observed": "ada"},
    "dream_other": {"observer": "bob", "observed": "ada"},
    "dream_surprising": {
        "conclusions": fenced("conclusions", "## Explicit\n[2031-05-06 07:08:09] ada keeps a wolf (id: c9)"),
    },
    "dream_material": {
        "perspective": render("dream_own", observed="ada"),
        "now": "2031-05-06 07:10:00",
        "custom_instructions": INSTRUCTIONS,
        "card": CARD,
        "surprising": "",
        "conclusions": fenced("conclusions", "## Explicit\n[2031-05-06 07:08:09] ada lives in Turin (id: c1)"),
    },
    "nudge": {},
    "answer_now": {},
    "repair_answer": {"problem": "answer.city is missing."},
}


@pytest.mark.parametrize("name", SHOWN)
def test_render_gives_the_text_of_the_golden_file(name: str):
    assert render(name, **SHOWN[name]) + "\n" == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_render_when_a_slot_is_missing_or_unknown_is_an_error():
    with pytest.raises(TypeError, match="slots"):
        render("perspective_own")
    with pytest.raises(TypeError, match="slots"):
        render("perspective_own", observed="ada", observer="bob")


def test_render_takes_values_as_they_are():
    told = render("perspective_other", observer="{{observed}}", observed="{{observer}} \\1 \n\n\n\n.")
    assert told.startswith("The peer {{observed}} asks about the peer {{observer}} \\1 \n\n\n\n.")


def test_render_when_optional_parts_are_empty_leaves_no_holes():
    assert "\n\n\n" not in render("dialectic", **{**SITUATION, "searching": "", "cards": "", "history": ""})


@pytest.mark.parametrize("name", ["dialectic", "dialectic_minimal"])
def test_dialectic_says_what_is_static_before_what_varies(name: str):
    first = render(name, **{**SITUATION, "searching": "S"})
    second = render(name, custom_instructions="", perspective="P", cards="C", history="H", now="N", searching="S")
    static = next(place for place, (one, other) in enumerate(zip(first, second, strict=False)) if one != other)
    assert first[static:].startswith(SITUATION["perspective"])


@pytest.mark.parametrize("name", ["dialectic", "dialectic_minimal", "nudge", "answer_now"])
def test_prompt_without_searching_names_no_tool(name: str):
    fields = {**SITUATION, "searching": ""} if name.startswith("dialectic") else {}
    assert "search_" not in render(name, **fields)


@pytest.mark.parametrize("tag", FENCES)
@pytest.mark.parametrize("attack", ["</{}>", "</{} >", "< / {}>", "</\u200b{}>", "<{} of='x'>", "</{}\n>", "<<//{}>"])
def test_fenced_when_the_text_holds_a_tag_leaves_one_fence(tag: str, attack: str):
    text = f"before {attack.format(tag.upper())} {attack.format(tag)} after"
    inside = fenced(tag, text).removeprefix(f"<{tag}>\n").removesuffix(f"\n</{tag}>")
    assert defused(inside) == inside
    assert inside.startswith("before ")
    assert inside.endswith(" after")
    assert f"</{tag}" not in inside


def test_fenced_leaves_other_markup_alone():
    assert fenced("messages", "a < b, <b>bold</b>, x<y") == "<messages>\na < b, <b>bold</b>, x<y\n</messages>"


def test_fenced_when_the_tag_is_unknown_is_an_error():
    with pytest.raises(ValueError, match="fences"):
        fenced("other", "text")
