"""Message search: by words, by meaning, letter by letter, and by age."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import count

import pytest
from psycopg import sql

from shared.domain.vector import Vector
from shared.memory.search import search
from shared.store.conditions import Condition
from tests.support.searching import THEN, AbsentEmbedder, Searching, make_space, open_searching
from tests.support.word_embedder import WordEmbedder


class CountingEmbedder(WordEmbedder):
    """Counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.asked += 1
        return super().embed(texts)


BOBS = ["私は東京に住んでいます", "don't panic about version v1.2.3"]
_numbers = count(1)


@pytest.fixture(scope="module")
def searched_dsn(database_dsn: str, owner_dsn: str) -> str:
    make_space(owner_dsn)
    return database_dsn


@pytest.fixture
def here(searched_dsn: str) -> Iterator[Searching]:
    """An empty workspace."""
    opened = open_searching(searched_dsn, f"w{next(_numbers)}")
    yield opened
    opened.backends.db.close()


@pytest.fixture(params=["indexed", "waiting", "words only"])
def somewhere(here: Searching, request: pytest.FixtureRequest) -> Searching:
    """A workspace with a conversation, before or after chores has come to it, and without embeddings."""
    place = here.by_words_only() if request.param == "words only" else here
    place.says("Hello there, how have you been?", "I moved to Lisbon last spring", "My address is foo@bar.example.com")
    place.says("The café on the corner is closed", "See /usr/local/lib/thing.so for more", "She was running in circles")
    place.says(*BOBS, peer="bob", session="t")
    if request.param != "waiting":
        place.indexes("s")
        place.indexes("t")
    return place


@pytest.mark.parametrize(
    ("query", "content"),
    [
        ("Lisbon", "I moved to Lisbon last spring"),
        ("LISBON!", "I moved to Lisbon last spring"),
        ("runs", "She was running in circles"),
        ("cafe", "The café on the corner is closed"),
        ("café", "The café on the corner is closed"),
        ("foo@bar.example.com", "My address is foo@bar.example.com"),
        ("bar.example", "My address is foo@bar.example.com"),
        ("oo@bar.ex", "My address is foo@bar.example.com"),
        ("local/lib", "See /usr/local/lib/thing.so for more"),
        ("/usr/local", "See /usr/local/lib/thing.so for more"),
        ("v1.2.3", "don't panic about version v1.2.3"),
        ("東京", "私は東京に住んでいます"),
        ("don't", "don't panic about version v1.2.3"),
        ("isbo", "I moved to Lisbon last spring"),
        ("there", "Hello there, how have you been?"),
        ("last spring", "I moved to Lisbon last spring"),
        ("who moved to Lisbon?", "I moved to Lisbon last spring"),
    ],
)
def test_search_of_what_a_message_says_finds_that_message_first(somewhere: Searching, query: str, content: str):
    assert somewhere.finds(query) == [content]


def test_search_by_the_name_of_an_author_finds_what_they_said(somewhere: Searching):
    assert sorted(somewhere.finds("bob", 2)) == sorted(BOBS)


@pytest.mark.parametrize("query", ["", "   "])
def test_search_for_nothing_gives_the_newest_first(somewhere: Searching, query: str):
    assert somewhere.finds(query, 2) == BOBS[::-1]
    assert somewhere.finds(query, 1, sessions=["s"]) == ["She was running in circles"]


def test_search_stays_in_its_sessions_and_with_its_peer(somewhere: Searching):
    found = somewhere.finds("Lisbon panic", 9, sessions=["t"])
    assert found
    assert set(found) <= set(BOBS)
    assert somewhere.finds("Lisbon panic", 9, peer="bob")[0] == "don't panic about version v1.2.3"
    assert somewhere.finds("Lisbon", sessions=[]) == []
    assert "I moved to Lisbon last spring" not in somewhere.finds("Lisbon", 9, peer="bob")
    many = [f"unknown-{n}" for n in range(100)]
    assert somewhere.finds("Lisbon", sessions=[*many, "s"]) == ["I moved to Lisbon last spring"]
    assert somewhere.finds("Lisbon", sessions=many) == []


def test_search_gives_only_what_meets_the_filter(somewhere: Searching):
    bobs = Condition(sql.SQL("m.peer = %(filter0)s"), {"filter0": "bob"})
    nobodys = Condition(sql.SQL("m.peer = %(filter0)s"), {"filter0": "nobody"})
    assert somewhere.finds("panic", where=bobs) == ["don't panic about version v1.2.3"]
    assert set(somewhere.finds("Lisbon", 9, where=bobs)) <= {
        "don't panic about version v1.2.3",
        "私は東京に住んでいます",
    }
    for query in ("Lisbon", "foo@bar.example.com", ""):
        assert somewhere.finds(query, where=nobodys) == []


def test_search_never_crosses_workspaces(somewhere: Searching, searched_dsn: str):
    elsewhere = open_searching(searched_dsn, f"{somewhere.workspace}-other")
    elsewhere.knows("nothing of interest")
    for query in ("Lisbon", "foo@bar.example.com", "東京", "", "isbo"):
        assert elsewhere.finds(query, 9) in ([], ["nothing of interest"])
    assert open_searching(searched_dsn, "unknown").finds("Lisbon") == []


def test_search_finds_an_answer_by_the_words_of_the_question_before_it(here: Searching):
    place = here.by_words_only()
    place.knows("What is your favourite dessert?", "Tiramisu, without a doubt", "The weather is fine")
    assert place.finds("favourite dessert", 2) == ["What is your favourite dessert?", "Tiramisu, without a doubt"]


def test_search_by_meaning_finds_what_shares_no_indexed_word(here: Searching):
    # To the word embedder the stop words are words like any other; the index of words knows none of them.
    here.knows("we were there then", "potatoes")
    assert here.finds("you were there") == ["we were there then"]


def test_search_prefers_the_rare_word_of_a_query(here: Searching):
    place = here.by_words_only()
    place.knows(*[f"meeting number {n}" for n in range(30)], "zeppelin")
    assert place.finds("meeting zeppelin") == ["zeppelin"]


def test_search_gives_the_newer_of_two_equal_messages_first(here: Searching):
    place = here.by_words_only()
    first, second = place.knows("good morning") + place.knows("good morning", session="t")
    assert first.created_at < second.created_at
    assert place.finds("morning", 2) == ["good morning", "good morning"]
    assert place.finds("morning", 1, sessions=["s", "t"]) == ["good morning"]
    assert search(place.backends, workspace=place.workspace, query="morning", limit=1) == [second]


def test_search_when_the_embedder_is_away_goes_by_words(here: Searching):
    here.knows("potatoes", "I moved to Lisbon last spring")
    assert here.with_embedder(AbsentEmbedder()).finds("Lisbon", 5) == ["I moved to Lisbon last spring"]


def test_search_of_a_long_message_among_short_ones_finds_the_one_with_the_word(here: Searching):
    long = (
        "On the way home we talked about a great many things: "
        + " ".join(f"topic{n}" for n in range(300))
        + " and Lisbon"
    )
    here.knows("home", "we talked", long, "a great way", "Lisboa", "things of home and way")
    assert here.finds("Lisbon") == [long]


def test_search_right_after_a_write_among_indexed_ones_finds_it(here: Searching):
    here.knows(*[f"an older note about lunch, {n}" for n in range(50)])
    here.says("lunch with the prime minister")
    assert here.finds("minister") == ["lunch with the prime minister"]
    assert here.finds("lunch with the prime minister") == ["lunch with the prime minister"]


def test_search_with_marks_only_finds_those_very_marks(here: Searching):
    here.by_words_only().knows("what is this?!", "nothing")
    assert here.by_words_only().finds("?!") == ["what is this?!"]
    assert here.by_words_only().finds("%_%") == []


def test_search_limits_what_it_gives(here: Searching):
    here.knows(*[f"note {n}" for n in range(20)])
    assert len(here.finds("note", 7)) == 7
    assert here.finds("note", 0) == []


def test_search_for_a_word_of_thousands_of_messages_gives_the_asked_number(here: Searching):
    place = here.by_words_only()
    for batch in range(25):
        place.says(*[f"status report {batch} {n}" for n in range(100)])
    place.clock.moment += timedelta(minutes=1)
    for _ in range(25):
        place.indexes()
    assert len(place.finds("report", 100)) == 100
    assert len(place.finds("status report", 10)) == 10
    assert place.finds("report 17 42")[0].startswith("status report")


def test_messages_are_given_whole(here: Searching):
    [said] = here.knows("a message to find")
    assert search(here.backends, workspace=here.workspace, query="find", limit=1) == [said]
    assert said.created_at == THEN + timedelta(minutes=1)


def test_search_under_a_filter_that_thousands_meet_finds_them_among_a_thousand_that_are_nearer(here: Searching):
    for _ in range(11):
        here.knows(*["I play the cello"] * 100, session="cello")
    end = THEN + timedelta(minutes=here.minutes)
    for _ in range(21):
        here.knows(*["It rains"] * 100, session="rain")
    later = Condition(sql.SQL("m.created_at > %(filter0)s"), {"filter0": end})
    assert here.finds("cello", 3, where=later) == ["It rains"] * 3
    assert here.finds("cello", 1) == ["I play the cello"]


def test_search_under_a_filter_that_nothing_meets_asks_no_model(here: Searching):
    here.knows("I play the cello")
    never = Condition(sql.SQL("m.created_at > %(filter0)s"), {"filter0": THEN + timedelta(days=99)})
    embedder = CountingEmbedder()
    assert here.with_embedder(embedder).finds("cello", where=never) == []
    assert embedder.asked == 0
