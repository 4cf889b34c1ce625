"""Listing conclusions with tools, and following them to what they rest on."""

import pytest


@pytest.fixture
def chain(memory):
    """Two facts from messages, a deduction from both, and an induction from that."""
    said = memory.hears("s", ("bob", "Hello!"), ("ada", "I live in Turin"), ("bob", "And?"), ("ada", "I work at Fiat"))
    [home] = memory.concludes("ada", "ada", "s", "ada lives in Turin", messages=[said[1]])
    [work] = memory.concludes("ada", "ada", "s", "ada works at Fiat", messages=[said[3]])
    [near] = memory.concludes("ada", "ada", None, "ada lives near work", level="deductive", sources=[home, work])
    [kind] = memory.concludes("ada", "ada", None, "ada likes short ways", level="inductive", sources=[near])
    memory.chain = {"home": home, "work": work, "near": near, "kind": kind}
    memory.said = said
    return memory


def test_recent_conclusions_are_the_newest(chain):
    used = chain.tools("ada", "ada").use("get_recent_conclusions", limit=2)
    assert {one.id for one in used.result.conclusions} <= set(chain.chain.values())
    assert len(used.result.conclusions) == 2
    assert used.result.text.startswith("<findings>\n2 conclusions:\n## ")


def test_recent_conclusions_of_the_session_are_its_explicit_ones(chain):
    chain.concludes("ada", "ada", None, "ada is from nowhere")
    used = chain.tools("ada", "ada", session="s").use("get_recent_conclusions", session_only=True)
    assert {one.content for one in used.result.conclusions} == {"ada lives in Turin", "ada works at Fiat"}


def test_most_derived_conclusions_come_first(chain):
    for _ in range(3):
        chain.concludes("ada", "ada", "s", "ada works at Fiat")
    used = chain.tools("ada", "ada").use("get_most_derived_conclusions", limit=1)
    assert [one.content for one in used.result.conclusions] == ["ada works at Fiat"]


@pytest.mark.parametrize("tool", ["get_recent_conclusions", "get_most_derived_conclusions"])
def test_conclusions_when_there_are_none_say_so(memory, tool):
    memory.hears("s", ("ada", "hi"))
    assert memory.tools("ada", "ada").say(tool) == "There are no conclusions."


def test_reasoning_chain_shows_what_a_conclusion_rests_on_and_what_rests_on_it(chain):
    ids = chain.chain
    used = chain.tools("ada", "ada").use("get_reasoning_chain", conclusion_id=ids["near"])
    text = used.result.text
    head, rests, resting = (
        text.partition("It rests on:")[0],
        text.partition("It rests on:")[2],
        text.partition("On it rest:")[2],
    )
    assert f"ada lives near work (id: {ids['near'][:5]})" in head
    assert "ada lives in Turin" in rests
    assert "ada works at Fiat" in rests
    assert "## Inductive\n[2031-05-06 07:00] ada likes short ways" in resting
    assert {one.id for one in used.result.conclusions} == set(ids.values())


def test_reasoning_chain_goes_one_way_when_asked(chain):
    tools, ids = chain.tools("ada", "ada"), chain.chain
    assert "On it rest" not in tools.say("get_reasoning_chain", conclusion_id=ids["near"], direction="premises")
    assert "rests on" not in tools.say("get_reasoning_chain", conclusion_id=ids["near"], direction="conclusions")


def test_reasoning_chain_of_a_contradiction_shows_both_sides(chain):
    ids = chain.chain
    [clash] = chain.concludes(
        "ada", "ada", None, "home or work?", level="contradiction", sources=[ids["home"], ids["work"]]
    )
    told = chain.tools("ada", "ada").say("get_reasoning_chain", conclusion_id=clash)
    assert "ada lives in Turin" in told
    assert "ada works at Fiat" in told


def test_reasoning_chain_of_a_fact_from_messages_says_so(chain):
    told = chain.tools("ada", "ada").say("get_reasoning_chain", conclusion_id=chain.chain["home"], direction="premises")
    assert "It rests on messages." in told


@pytest.mark.parametrize("form", ["{short}", "id: {short}", "(id: {short})", "{whole}", "id:{whole}; about ada"])
def test_conclusions_may_be_named_as_they_were_shown(chain, form):
    tools, whole = chain.tools("ada", "ada"), chain.chain["near"]
    tools.say("get_recent_conclusions", limit=10)
    named = form.format(short=whole[:5], whole=whole)
    assert "ada lives near work" in tools.say("get_reasoning_chain", conclusion_id=named)


@pytest.mark.parametrize("named", ["", "x", "nowhere", "id:", "*"])
def test_conclusions_that_are_not_known_may_be_named_again(chain, named):
    used = chain.tools("ada", "ada").use("get_reasoning_chain", conclusion_id=named)
    assert not used.is_ok
    assert used.result.text == "There is no such conclusion. Take ids as they stand in (id: …)."


def test_conclusion_context_shows_the_messages_it_was_read_from_with_their_neighbours(chain):
    used = chain.tools("ada", "ada").use("get_conclusion_context", conclusion_ids=[chain.chain["home"]])
    assert used.result.text == (
        "<findings>\n--- session s, 1 match ---\n"
        "[2031-05-06 07:00] bob: Hello!\n"
        "> [07:01] ada: I live in Turin\n"
        "[07:02] bob: And?\n</findings>"
    )
    assert [message.id for message in used.result.messages] == [message.id for message in chain.said[:3]]


def test_conclusion_context_of_an_inferred_one_goes_down_to_the_messages(chain):
    told = chain.tools("ada", "ada").say("get_conclusion_context", conclusion_ids=[chain.chain["kind"]])
    assert "> [07:01] ada: I live in Turin" in told
    assert "> [07:03] ada: I work at Fiat" in told


def test_conclusion_context_does_not_mix_sessions_that_count_alike(chain):
    chain.hears("t", *(("ada", f"elsewhere {number}") for number in range(4)))
    told = chain.tools("ada", "ada").say("get_conclusion_context", conclusion_ids=[chain.chain["home"]])
    assert "elsewhere" not in told
