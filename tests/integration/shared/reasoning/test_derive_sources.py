"""What each conclusion says it rests on: which message, which words of it, and when it happened."""

import json
from datetime import timedelta

import pytest

from shared.domain.message import MessageDraft
from shared.domain.session import ObservationSettings
from shared.reasoning.derive import derive
from shared.store import conclusions
from tests.support.backends import THEN, AnsweringModel


@pytest.fixture
def place(place):
    """With nothing to wait for: each message is looked at."""
    return place.configured(deriver={"flush_enabled": True})


def answer(*found: dict[str, object]) -> str:
    return json.dumps({"explicit": list(found)})


def derived(place, *found: dict[str, object], session: str = "s", peer: str = "ada"):
    backends, model = place.asks(answer(*found))
    derive(backends, place.wake_up(place.unit(session, peer)))
    return model


def test_quote_that_the_message_holds_is_stored_with_its_place(place):
    [message] = place.says("s", ("ada", "Well.\nI  moved to LISBON, finally"))
    derived(place, {"content": "ada moved to Lisbon", "message": 1, "quote": "i moved to lisbon"})
    [row] = place.conclusions()
    assert row["quote_state"] == "verified"
    [quote] = row["quotes"]
    assert quote == {"message_id": message.id, "start": 6, "end": 24}
    assert message.content[quote["start"] : quote["end"]] == "I  moved to LISBON"


@pytest.mark.parametrize("message", [1, 3])
def test_quote_that_only_another_message_holds_is_not_kept(place, message):
    place.says("s", ("ada", "I moved to Lisbon"), ("bob", "I hate it"), ("ada", "And I sing"))
    derived(place, {"content": "ada hates it", "message": message, "quote": "I hate it"})
    [row] = place.conclusions()
    assert (row["quotes"], row["quote_state"]) == ([], "unverified")


@pytest.mark.parametrize("quote", [None, "", "  ", 7, ["I sing"]])
def test_fact_without_a_quote_is_saved_without_one(place, quote):
    place.says("s", ("ada", "I sing"))
    derived(place, {"content": "ada sings", "message": 1, "quote": quote})
    [row] = place.conclusions()
    assert (row["quotes"], row["quote_state"]) == ([], "none")


@pytest.mark.parametrize("cited", [None, 2, 99, "none"])
def test_quote_tells_which_message_is_meant_when_the_number_does_not(place, cited):
    _, _, third = place.says("s", ("ada", "I moved"), ("bob", "I sing"), ("ada", "I sing"))
    derived(place, {"content": "ada sings", "message": cited, "quote": "I sing"})
    [row] = place.conclusions()
    assert (row["message_ids"], row["quotes"][0]["message_id"]) == ([third.id], third.id)


def test_quote_of_what_was_shown_in_another_spelling_is_found(place):
    place.says("s", ("ada", "I write <messages> and [INST] by hand"))
    quote = "&lt;messages> and &#91;INST] by hand"
    model = derived(place, {"content": "ada writes tags", "message": 1, "quote": quote})
    [turn] = model.requests[0].turns
    assert f"I write {quote}" in turn.text
    assert [row["quote_state"] for row in place.conclusions()] == ["verified"]


def test_quotes_are_the_same_for_every_observer(place):
    place.joins("s", bob=ObservationSettings(observe_others=True))
    place.says("s", ("ada", "I sing"))
    derived(place, {"content": "ada sings", "message": 1, "quote": "I sing"})
    assert [(row["observer"], len(row["quotes"])) for row in place.conclusions()] == [("ada", 1), ("bob", 1)]


def test_every_stored_quote_stands_in_its_message_and_every_source_exists(place):
    said = place.says("s", *(("ada", f"I LIKE {word} a lot") for word in ("tea", "rye", "fog")))
    found = [
        {"content": f"ada likes {word}", "message": number, "quote": f"I like  {word}"}
        for number, word in enumerate(("tea", "rye", "mud"), 1)
    ]
    derived(place, *found)
    texts = {message.id: message.content for message in said}
    rows = place.conclusions()
    assert {source for row in rows for source in row["message_ids"]} == texts.keys()
    quotes = [texts[one["message_id"]][one["start"] : one["end"]] for row in rows for one in row["quotes"]]
    assert sorted(quotes) == ["I LIKE rye", "I LIKE tea"]


@pytest.mark.parametrize(
    ("date", "expected"),
    [("2030-01-02", THEN.replace(year=2030, month=1, day=2, hour=0)), ("soon", None), (None, None), (2030, None)],
)
def test_event_time_is_the_models_where_it_gives_one(place, date, expected):
    said_at = THEN - timedelta(days=3650)
    place.says("s", MessageDraft("ada", "I moved", created_at=said_at))
    derived(place, {"content": "ada moved", "message": 1, "date": date})
    [row] = place.conclusions()
    assert (row["event_at"], row["occurred_at"]) == (expected, said_at)


def test_facts_of_messages_that_arrive_out_of_order_keep_the_times_they_were_said(place):
    times = [THEN + timedelta(days=days) for days in (0, -3650, 3650)]
    place.says("s", *(MessageDraft("ada", f"fact {n}", created_at=at) for n, at in enumerate(times, 1)))
    derived(place, *({"content": f"ada has fact {n}", "message": n} for n in (1, 2, 3)))
    assert [row["occurred_at"] for row in place.conclusions()] == times


def test_fact_said_by_two_messages_counts_both_and_a_redelivery_counts_none(place):
    first, second, third = place.says("s", ("ada", "I sing"), ("ada", "I sing!"), ("ada", "Truly, I sing"))
    wake_up = place.wake_up(place.unit("s", "ada"))
    model = AnsweringModel(
        lambda _: answer(*({"content": text, "message": n} for n, text in enumerate(("ada sings", "Ada sings."), 1)))
    )
    for _ in range(3):
        derive(place.served_by(model), wake_up)
    [row] = place.conclusions()
    assert (row["times_derived"], row["message_ids"]) == (2, [first.id, second.id])
    assert third.id not in row["message_ids"]


def test_fact_that_names_no_message_counts_once_however_many_it_may_rest_on(place):
    place.says("s", ("ada", "one"), ("ada", "two"), ("ada", "three"))
    derived(place, {"content": "ada says things"})
    [row] = place.conclusions()
    assert (row["times_derived"], len(row["message_ids"])) == (1, 3)


def test_conclusions_read_back_hold_their_quotes_and_times(place):
    [message] = place.says("s", ("ada", "I sing since 2030"))
    derived(place, {"content": "ada sings", "message": 1, "quote": "I sing", "date": "2030"})
    with place.backends.db.reading() as conn:
        [stored] = conclusions.by_ids(conn, place.workspace, [place.conclusions()[0]["id"]]).values()
    assert [(quote.message_id, quote.start, quote.end) for quote in stored.quotes] == [(message.id, 0, 6)]
    assert (stored.event_at, stored.quote_state) == (THEN.replace(year=2030, month=1, day=1, hour=0), "verified")
