"""Erasing messages: nothing of them is left, what others said stays, and what rests on both is made anew."""

from dataclasses import asdict

import pytest

from shared.domain.conclusion import Collection, ConclusionDraft
from shared.domain.errors import NotFound
from shared.domain.json import JsonObject
from shared.domain.quotes import Quote
from shared.domain.summary import Summary
from shared.domain.work import TaskKind
from shared.memory import conclude, scopes, sessions
from shared.memory.erase import erase_message
from shared.memory.forget import delete_session
from shared.store import cards, message_ranking, message_search, summaries
from shared.store.message_ranking import Wish
from tests.support.backends import THEN
from tests.support.erasing import broken, repeating, settle
from tests.support.residue import residue


@pytest.fixture
def place(place):
    return repeating(place)


def saves(place, content: str, *messages: str, sources=(), session: str | None = "s", level="explicit", premises=()):
    """A conclusion about ada, indexed; gives its id."""
    draft = ConclusionDraft(content, level, session, messages, THEN, source_ids=tuple(sources), premises=premises)
    saving = conclude.prepare(place.backends, place.workspace, "ada", ["ada"], [draft])
    with place.backends.db.transaction() as conn:
        [saved] = saving.write(place.backends, conn)
    conclude.index(place.backends, [saved], saving.vectors)
    return saved.id


def erases(place, message) -> None:
    erase_message(place.backends, place.workspace, message.session, message.id)
    settle(place)


def ids(place) -> list[str]:
    return sorted(row["id"] for row in place.conclusions())


def test_erase_message_is_asked_for_once_and_unknown_ones_are_not_found(place):
    [said] = place.says("s", ("ada", "hello"))
    place.says("t", ("ada", "hello"))
    for _ in range(2):
        erase_message(place.backends, place.workspace, "s", said.id)
    [wake_up] = place.queue.take(TaskKind.ERASE)
    assert place.unit_row(wake_up.unit)["pending_items"] == 1
    for session, message in (("s", "missing"), ("t", said.id), ("nowhere", said.id)):
        with pytest.raises(NotFound):
            erase_message(place.backends, place.workspace, session, message)
    with pytest.raises(NotFound):
        erase_message(place.backends, place.workspace + "-b", "s", said.id)
    place.queue.sent.append(wake_up)
    settle(place)
    with pytest.raises(NotFound):
        erase_message(place.backends, place.workspace, "s", said.id)
    delete_session(place.backends, place.workspace, "t")
    with pytest.raises(NotFound):
        erase_message(place.backends, place.workspace, "t", said.id)


@pytest.mark.parametrize("never", [2**31, 2**63, 10**30])
def test_erase_message_of_a_session_that_is_summarized_no_more_is_done_all_the_same(place, never):
    [said, *_] = place.says("s", *[("ada", f"line {number}") for number in range(20)])
    settle(place)
    assert place.count("summaries") > 0
    counts: JsonObject = {"messages_per_short_summary": never - 1, "messages_per_long_summary": never}
    sessions.get_or_create(place.backends, place.workspace, "s", configuration={"summary": counts})
    erases(place, said)
    assert (place.count("messages"), place.count("summaries")) == (19, 0)


def test_erased_message_leaves_no_trace_in_any_table(place, owner_dsn):
    """Planted in everything that is made of a message, found everywhere before, and nowhere after."""
    place.says("s", *[("ada", f"line {number}") for number in range(9)])
    [said] = place.says("s", ("ada", "I keep a zqcanaries1 zqfalcon2"))
    place.says("s", ("bob", "Oh really"), ("ada", "Yes"))
    settle(place)
    fact = next(row["id"] for row in place.conclusions() if "zqfalcon2" in row["content"])
    saves(place, "whoever keeps a zqfalcon2 rides", sources=[fact], level="deductive", premises=("a zqfalcon2",))
    with place.backends.db.transaction() as conn:
        cards.put(conn, Collection(place.workspace, "ada", "ada"), ["zqfalcon2"], THEN)
    found = residue(owner_dsn, "zqcanaries1", "zqfalcon2", said.id)
    assert found.keys() >= {
        "messages", "message_search", "term_stats", "conclusions", "summaries", "peer_cards", "work_items",
    }  # fmt: skip
    assert any(table.startswith("message_vectors") for table in found)
    erases(place, said)
    assert residue(owner_dsn, "zqcanaries1", "zqfalcon2", said.id, fact) == {}
    assert place.count("messages") == 11
    assert broken(place) == {}


def test_message_not_worked_on_yet_is_erased_with_its_work(place, owner_dsn):
    place = place.configured(deriver={"flush_enabled": False})
    first, said, last = place.says("s", ("ada", "one"), ("ada", "zqcanary1"), ("ada", "three"))
    derive = place.unit("s", "ada")
    claimed = place.claims(derive, window_tokens=9999)
    assert claimed is None
    erase_message(place.backends, place.workspace, "s", said.id)
    settle(place, TaskKind.ERASE, TaskKind.INDEX)
    assert residue(owner_dsn, "zqcanary1", said.id) == {}
    assert [item["message_id"] for item in place.items(derive)] == [first.id, last.id]
    assert place.unit_row(derive)["pending_tokens"] == first.token_count + last.token_count
    for message in (first, last):
        erase_message(place.backends, place.workspace, "s", message.id)
    settle(place, TaskKind.ERASE)
    row = place.unit_row(derive)
    assert (row["pending_items"], row["pending_tokens"], row["due_at"], row["is_woken"]) == (0, 0, None, False)
    assert broken(place) == {}


def test_follower_of_an_erased_message_is_found_by_its_own_words_only(place):
    said, follower = place.says("s", ("bob", "Where is the zqlighthouse"), ("ada", "In Porto by the water"))
    settle(place)
    area = message_search.Area(place.workspace)

    def found(words: str) -> set[str]:
        with place.backends.db.reading() as conn:
            asked = message_search.question(conn, place.workspace, words)
            wish = Wish(words, is_literal=False, words_share=1.0)
            return set(message_ranking.saying(conn, area, asked, wish, listed=9))

    assert found("zqlighthouse") == {said.id, follower.id}
    erases(place, said)
    assert found("zqlighthouse") == set()
    assert found("Porto") == {follower.id}
    assert broken(place) == {}


def test_conclusion_that_other_messages_say_word_by_word_keeps_these_only(place):
    place.clock.advance(minutes=1)
    first, second = place.says("s", ("ada", "I like green tea"), ("ada", "Green tea is what I like."))
    settle(place, TaskKind.INDEX)
    conclusion = saves(place, "ada likes green tea", first.id, second.id)
    resting = saves(place, "ada drinks hot things", first.id, session=None, sources=[conclusion], level="inductive")
    place.queue.sent = []
    erase_message(place.backends, place.workspace, "s", first.id)
    settle(place, TaskKind.ERASE)
    rows = {row["id"]: row for row in place.conclusions()}
    assert rows.keys() == {conclusion, resting}
    assert (rows[conclusion]["message_ids"], rows[resting]["message_ids"]) == ([second.id], [])
    assert rows[conclusion]["occurred_at"] == second.created_at


@pytest.mark.parametrize(("kept", "state"), [((1,), "verified"), ((0, 1), "verified"), ((0,), "none"), ((), "none")])
def test_conclusion_that_stays_quotes_and_counts_the_erased_message_no_more(place, kept, state):
    said = place.says("s", ("ada", "I like green tea"), ("ada", "Green tea is what I like."))
    settle(place, TaskKind.INDEX)
    quotes = tuple(Quote(said[number].id, 2, 6) for number in kept)
    draft = ConclusionDraft(
        *("ada likes green tea", "explicit", "s", tuple(one.id for one in said), THEN),
        times=2,
        event_at=THEN,
        quotes=quotes,
        quote_state="verified" if quotes else "none",
    )
    saving = conclude.prepare(place.backends, place.workspace, "ada", ["ada"], [draft])
    with place.backends.db.transaction() as conn:
        saving.write(place.backends, conn)
    place.queue.sent = []
    erase_message(place.backends, place.workspace, "s", said[0].id)
    settle(place, TaskKind.ERASE)
    [row] = place.conclusions()
    assert row["quotes"] == [asdict(quote) for quote in quotes if quote.message_id == said[1].id]
    assert (row["quote_state"], row["times_derived"], row["event_at"]) == (state, 1, None)


def test_conclusion_that_others_say_in_other_words_is_read_again_from_these(place, owner_dsn):
    """Nobody can tell which message its words came from: it goes, and what the others say comes back."""
    first, second = place.says("s", ("ada", "My zqallergy is bad"), ("ada", "Peanuts are not for me"))
    settle(place)
    joined = saves(place, "ada suffers from a zqallergy and avoids peanuts", first.id, second.id)
    erases(place, first)
    assert residue(owner_dsn, "zqallergy", joined, first.id) == {}
    assert [row["content"] for row in place.conclusions()] == ["Peanuts are not for me"]
    assert [row["message_ids"] for row in place.conclusions()] == [[second.id]]
    assert broken(place) == {}


def test_conclusion_about_another_that_took_its_words_from_the_message_is_read_again(place, owner_dsn):
    """The model saw the message as context and never cited it."""
    said, _ = place.says("s", ("ada", "Do you like zqsushi"), ("bob", "Yes very much"))
    settle(place)
    assert "Yes very much to ada who says Do you like zqsushi" in [row["content"] for row in place.conclusions()]
    erases(place, said)
    assert residue(owner_dsn, "zqsushi") == {}
    assert [row["content"] for row in place.conclusions()] == ["Yes very much"]
    assert broken(place) == {}


def test_what_rests_on_an_erased_conclusion_goes_whatever_else_it_rests_on(place):
    first, second = place.says("s", ("ada", "one"), ("ada", "two"))
    settle(place, TaskKind.INDEX)
    gone, kept = saves(place, "one", first.id), saves(place, "two", second.id)
    both = saves(place, "one and two", session=None, sources=[gone, kept], level="deductive", premises=("one", "two"))
    saves(place, "three", session=None, sources=[both], level="inductive")
    alone = saves(place, "four", session=None, sources=[kept], level="deductive")
    erase_message(place.backends, place.workspace, "s", first.id)
    settle(place, TaskKind.ERASE)
    assert ids(place) == sorted([kept, alone])
    everywhere = Collection(place.workspace, "ada", "ada")
    [hits] = place.backends.vectors.nearest_conclusions(everywhere, place.embedder.embed(["one"]), k=10)
    assert {hit.id for hit in hits} == {kept, alone}


def test_what_was_drawn_from_an_erased_wording_goes_though_another_has_taken_its_place(place, owner_dsn):
    """A richer wording from another message took over: what rests on it was concluded from the one before."""
    said, other = place.says("s", ("ada", "I play the zqbanjo"), ("ada", "I play the cello in Paris"))
    place.embedder.alike.update({"ada plays the cello in Paris": "ada plays the zqbanjo"})
    poorer = saves(place, "ada plays the zqbanjo", said.id)
    above = {"sources": [poorer], "session": None, "level": "deductive", "premises": ("ada plays the zqbanjo",)}
    saves(place, "ada reads notes for the zqbanjo", said.id, **above)
    richer = saves(place, "ada plays the cello in Paris", other.id)
    since = {"sources": [richer], "session": None, "level": "deductive", "premises": ("ada plays the cello in Paris",)}
    stays = saves(place, "ada was in Paris", other.id, said.id, **since)
    assert len(ids(place)) == 3
    erases(place, said)
    assert residue(owner_dsn, "zqbanjo", said.id) == {}
    assert {richer, stays} <= set(ids(place))
    assert broken(place) == {}


def test_only_cards_of_collections_that_lose_something_go(place):
    _, said = place.says("s", ("bob", "zq2"), ("ada", "zq1"))
    settle(place)
    with place.backends.db.transaction() as conn:
        for peer in ("ada", "bob"):
            cards.put(conn, Collection(place.workspace, peer, peer), [peer], THEN)
    erases(place, said)
    assert [row["observer"] for row in place.rows("SELECT * FROM peer_cards WHERE workspace = %(workspace)s")] == [
        "bob"
    ]


def test_summaries_that_tell_of_the_message_are_written_again_without_it(place, owner_dsn):
    place.says("s", *[("ada", f"line {number}") for number in range(8)])
    [said] = place.says("s", ("ada", "zqcanary9"))
    place.says("s", *[("ada", f"line {number}") for number in range(13)])
    settle(place)
    told = "SELECT kind, content, covered_seq FROM summaries WHERE workspace = %(workspace)s ORDER BY kind"
    assert all("zqcanary9" in row["content"] for row in place.rows(told))
    erase_message(place.backends, place.workspace, "s", said.id)
    settle(place, TaskKind.ERASE)
    assert place.count("summaries") == 0
    settle(place)
    assert [(row["kind"], row["covered_seq"]) for row in place.rows(told)] == [("long", 20), ("short", 20)]
    assert residue(owner_dsn, "zqcanary9") == {}
    assert broken(place) == {}


def test_summary_that_ends_before_the_message_stays(place):
    place.says("s", *[("ada", f"line {number}") for number in range(10)])
    settle(place)
    [said] = place.says("s", ("ada", "zqcanary9"))
    settle(place)
    before = place.rows("SELECT * FROM summaries WHERE workspace = %(workspace)s")
    erases(place, said)
    assert place.rows("SELECT * FROM summaries WHERE workspace = %(workspace)s") == before


def test_summary_whose_cadence_nobody_planned_is_written_again_all_the_same(place):
    said, *_ = place.says("s", *[("ada", f"line {number}") for number in range(12)])
    for wake_up in place.queue.take(TaskKind.SUMMARY):
        claimed = place.claims(wake_up.unit)
        place.finishes(claimed)
    here = [place.workspace]
    with place.backends.db.transaction() as conn:
        conn.execute("DELETE FROM work_items WHERE workspace = %s AND starts_with(unit, 'summary:')", here)
        conn.execute("UPDATE work_units SET done_items = 0 WHERE workspace = %s AND kind = 'summary'", here)
        summaries.put(conn, place.workspace, "s", Summary("short", "old", "m", 10, 1, THEN))
    erases(place, said)
    [row] = place.rows("SELECT content, covered_seq FROM summaries WHERE workspace = %(workspace)s")
    assert (row["covered_seq"], "line 9" in row["content"]) == (10, True)
    assert broken(place) == {}


def test_copies_in_scopes_go_with_what_they_are_copies_of(place, owner_dsn):
    scopes.get_or_create(place.backends, place.workspace, "team", metadata=None)
    said, _ = place.says("s", ("ada", "zqcanary1"), ("ada", "I fence"))
    settle(place)
    scopes.add_sessions(place.backends, place.workspace, "team", ["s"])
    settle(place)
    assert len(place.conclusions()) == 4
    erases(place, said)
    assert residue(owner_dsn, "zqcanary1") == {}
    assert {row["observer"] for row in place.conclusions()} == {"ada", "scope.team"}
    assert broken(place) == {}


def test_batch_that_may_come_again_names_the_message_no_more(place, owner_dsn):
    said, kept = place.says("s", ("ada", "zq1"), ("ada", "zq2"))
    with place.backends.db.transaction() as conn:
        conn.execute(
            "INSERT INTO unanswered_batches"
            " (workspace, session, fingerprint, run, message_ids, lease_until, expires_at)"
            " VALUES (%s, 's', 'f', 'r', %s, now(), now())",
            [place.workspace, [said.id, kept.id]],
        )
    erases(place, said)
    [row] = place.rows("SELECT message_ids FROM unanswered_batches WHERE workspace = %(workspace)s")
    assert row["message_ids"] == [kept.id]
    assert residue(owner_dsn, said.id) == {}


def test_session_goes_on_over_the_hole_an_erased_message_leaves(place):
    place.says("s", *[("ada", f"line {number}") for number in range(9)])
    [said] = place.says("s", ("ada", "the tenth"))
    settle(place)
    erases(place, said)
    [after] = place.says("s", ("bob", "What now"))
    place.says("s", *[("ada", f"more {number}") for number in range(9)])
    settle(place)
    assert after.seq == 11
    rows = place.rows("SELECT kind, covered_seq FROM summaries WHERE workspace = %(workspace)s ORDER BY kind")
    assert [(row["kind"], row["covered_seq"]) for row in rows] == [("long", 20), ("short", 20)]
    assert len(place.conclusions()) == 19
    assert broken(place) == {}
