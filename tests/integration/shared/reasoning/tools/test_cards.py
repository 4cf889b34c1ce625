"""Reading cards and summaries with tools."""

import pytest

from shared.domain.conclusion import Collection
from shared.domain.summary import Summary
from shared.store import cards, summaries
from tests.integration.shared.reasoning.conftest import THEN


@pytest.fixture
def written(memory):
    """Cards of three peers and summaries of two sessions."""
    memory.hears("s", ("ada", "hi"), ("bob", "hi"))
    memory.hears("den", ("cleo", "hi"))
    with memory.backends.db.transaction() as conn:
        for observer, observed in (("ada", "ada"), ("ada", "bob"), ("bob", "bob"), ("cleo", "cleo"), ("ada", "cleo")):
            cards.put(conn, Collection(memory.workspace, observer, observed), [f"{observer} on {observed}"], THEN)
        for session in ("s", "den"):
            summary = Summary("short", f"what happened in {session}", "m", 2, 5, THEN)
            summaries.put(conn, memory.workspace, session, summary)
    return memory


@pytest.mark.parametrize(("peer", "told"), [("", "ada on bob"), ("bob", "ada on bob"), ("ada", "ada on ada")])
def test_card_is_that_of_whom_the_question_is_about_or_of_who_asks(written, peer, told):
    assert written.tools("ada", "bob").say("get_peer_card", peer=peer) == f"<findings>\n{told}\n</findings>"


@pytest.mark.parametrize("peer", ["cleo", "nobody"])
def test_card_of_anybody_else_is_refused(written, peer):
    used = written.tools("ada", "bob").use("get_peer_card", peer=peer)
    assert not used.is_ok
    assert " on " not in used.result.text


@pytest.mark.parametrize("narrowed", [{"sessions": ("s",)}, {"uses_cards": False}])
def test_card_when_cards_may_not_be_used_is_refused(written, narrowed):
    for tools in (written.tools("ada", "bob", **narrowed), written.workspace_tools(**narrowed)):
        used = tools.use("get_peer_card", peer="ada")
        assert (used.is_ok, " on " in used.result.text) == (False, False)


def test_card_in_a_question_about_the_workspace_is_the_peers_own(written):
    assert "cleo on cleo" in written.workspace_tools().say("get_peer_card", peer="cleo")
    assert not written.workspace_tools().use("get_peer_card").is_ok
    assert written.workspace_tools().say("get_peer_card", peer="nobody") == "There is no card."


def test_summary_is_that_of_the_current_session_or_of_the_one_named(written):
    expected = "<findings>\nThe first 2 messages of session s:\nwhat happened in s\n</findings>"
    assert written.tools("ada", "ada", session="s").say("get_session_summary") == expected
    assert written.tools("ada", "ada").say("get_session_summary", session="s", kind="short") == expected


@pytest.mark.parametrize("named", ["den", "nowhere"])
@pytest.mark.parametrize("tool", ["get_session_summary", "get_recent_history"])
def test_session_that_may_not_be_read_is_as_good_as_none(written, tool, named):
    used = written.tools("ada", "ada").use(tool, session=named)
    assert (used.is_ok, used.result.text) == (False, "There is no such session to read.")


def test_summary_when_there_is_none_yet_says_so(memory):
    memory.hears("s", ("ada", "hi"))
    told = memory.tools("ada", "ada", session="s").say("get_session_summary")
    assert told == "There is no summary of session s yet."
