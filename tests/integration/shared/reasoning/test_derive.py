"""Deriving: what a window of messages turns into, once, and where each conclusion says it is from."""

from dataclasses import replace

import pytest

from shared.domain.errors import ModelUnavailable
from shared.domain.message import MessageDraft
from shared.domain.session import ObservationSettings
from shared.domain.work import WakeUp
from shared.llm.types import Reply, UserTurn
from shared.memory.relay import relay
from shared.reasoning.derive import derive
from tests.support.backends import THEN, AnsweringModel, facts
from tests.support.database_proxy import DatabaseProxy


@pytest.fixture
def place(place):
    """With nothing to wait for: each message is looked at."""
    return place.configured(deriver={"flush_enabled": True})


def derived(place, *script, session: str = "s", peer: str = "ada"):
    """Derive the unit's oldest window with a model that follows `script`; the model."""
    backends, model = place.asks(*script)
    derive(backends, place.wake_up(place.unit(session, peer)))
    return model


def prompt(model, number: int = 0) -> str:
    [turn] = model.requests[number].turns
    assert isinstance(turn, UserTurn)
    return turn.text


def contents(place) -> list[tuple[str, str]]:
    return [(row["observer"], row["content"]) for row in place.conclusions()]


def test_derive_saves_each_fact_with_its_message_and_its_time(place):
    said_at = THEN.replace(year=2030)
    first, second = place.says("s", MessageDraft("ada", "I moved to Lisbon", created_at=said_at), ("ada", "I sing"))
    derived(place, facts(("ada moved to Lisbon", 1), ("ada sings", 2)))

    found = {row["content"]: row for row in place.conclusions()}
    assert found["ada moved to Lisbon"]["message_ids"] == [first.id]
    assert found["ada moved to Lisbon"]["occurred_at"] == said_at
    assert found["ada sings"]["message_ids"] == [second.id]
    assert found["ada sings"]["indexed_at"] == THEN
    assert {row["level"] for row in found.values()} == {"explicit"}
    [window] = place.rows("SELECT * FROM work_windows WHERE workspace = %(workspace)s")
    assert (window["model"], window["input_tokens"], window["conclusions"]) == ("scripted/1", 10, 2)


def test_derive_of_an_answer_with_half_a_surrogate_pair_keeps_its_facts(place):
    place.says("s", ("ada", "I like \U0001f375 tea"), ("ada", "I sing"))
    derived(place, '{"explicit": [{"content": "ada likes \\ud83c tea", "message": 1}, {"content": "ada sings"}]}')
    assert contents(place) == [("ada", "ada likes \ufffd tea"), ("ada", "ada sings")]


@pytest.mark.parametrize("cited", [None, 2, 9, 0, -1])
def test_derive_when_the_citation_is_missing_or_not_the_targets_names_all_its_messages(place, cited):
    first, _, third = place.says("s", ("ada", "one"), ("bob", "two"), ("ada", "three"))
    derived(place, facts("ada says things" if cited is None else ("ada says things", cited)))
    [row] = place.conclusions()
    assert row["message_ids"] == [first.id, third.id]


def test_derive_shows_what_was_said_between_and_just_before_but_nothing_switched_off(place):
    off = {"reasoning": {"enabled": False}}
    place.says("s", ("bob", "much earlier"), ("bob", "Where to?"), ("ada", "Lisbon"))
    place.says("s", MessageDraft("bob", "unread", configuration=off), ("bob", "Why?"), ("ada", "The light\nis nice"))
    model = derived(place, facts())
    shown = prompt(model).partition("<messages>")[2]
    assert shown.split("\n")[1:-1] == [
        "[#1 2031-05-06 07:00:00] bob: Where to?",
        "[#2 2031-05-06 07:00:00] ada: Lisbon",
        "[#3 2031-05-06 07:00:00] bob: Why?",
        "[#4 2031-05-06 07:00:00] ada: The light",
        "  is nice",
    ]
    assert "Target peer: ada" in prompt(model)


def test_derive_hands_over_custom_instructions(place):
    configuration = {"reasoning": {"custom_instructions": "Write in rhymes."}}
    place.says("s", MessageDraft("ada", "hello", configuration=configuration))
    assert "Write in rhymes." in prompt(derived(place, facts()))


def test_derive_saves_for_every_observer_and_embeds_once(place):
    place.joins("s", bob=ObservationSettings(observe_others=True))
    place.says("s", ("ada", "I sing"))
    derived(place, facts("ada sings"))
    assert contents(place) == [("ada", "ada sings"), ("bob", "ada sings")]
    assert place.embedder.asked == ["ada sings"]


def test_derive_when_the_model_found_nothing_finishes(place):
    place.says("s", ("ada", "hi"))
    derived(place, facts())
    assert place.windows(place.unit("s", "ada")) == [(1, 1)]
    assert place.conclusions() == []


def test_derive_when_the_answer_is_unreadable_tries_again_and_parks_in_the_end(place):
    place.says("s", ("ada", "hi"))
    unit = place.unit("s", "ada")
    for attempt in range(1, 6):
        derived(place, "I would rather talk about something else.")
        assert [item["state"] for item in place.items(unit)] == ["pending" if attempt < 5 else "parked"]
        place.clock.advance(minutes=1)
        relay(place.backends)
    [item] = place.items(unit)
    assert item["error"].startswith("AnswerUnreadable")
    assert (place.unit_row(unit)["done_items"], place.windows(unit)) == (0, [])


def test_derive_when_the_answer_is_declined_says_so_and_parks_in_the_end(place):
    place.says("s", ("ada", "hi"))
    unit = place.unit("s", "ada")
    for _ in range(5):
        derived(place, Reply("I cannot help with that.", finish="refusal", model="test/prim"))
        place.clock.advance(minutes=1)
        relay(place.backends)
    [item] = place.items(unit)
    assert (item["state"], item["error"]) == ("parked", "AnswerDeclined: test/prim declined to answer")


def test_derive_when_the_model_is_away_leaves_the_window_for_later(place):
    place.says("s", ("ada", "hi"))
    derived(place, ModelUnavailable())
    place.says("s", ("ada", "more"))
    derived(place)
    unit = place.unit("s", "ada")
    assert place.unit_row(unit)["error"] == "ModelUnavailable: The model cannot be reached."

    place.clock.advance(seconds=2)
    derived(place, facts(("ada is polite", 1)))
    assert place.windows(unit) == [(1, 1)]


def test_derive_after_a_crash_behind_the_answer_does_not_ask_the_model_again(place, app_dsn):
    place.says("s", ("ada", "I sing"))
    wake_up = place.wake_up(place.unit("s", "ada"))
    with DatabaseProxy(app_dsn) as proxy:
        backends, model = place.asks(facts(("ada sings", 1)))

        class Severing(type(place.embedder)):
            def embed(self, texts):
                proxy.sever()
                return super().embed(texts)

        mine = place.backends_at(proxy.dsn)
        derive(replace(mine, models=replace(backends.models, embeddings=Severing())), wake_up)
        assert len(model.requests) == 1
    assert (place.conclusions(), place.windows(wake_up.unit)) == ([], [])

    place.clock.advance(seconds=90)
    again = derived(place)
    assert again.requests == []
    assert contents(place) == [("ada", "ada sings")]
    assert place.windows(wake_up.unit) == [(1, 1)]


def test_derive_by_a_worker_that_lost_its_lease_writes_no_conclusion(place):
    place.says("s", ("ada", "I sing"))
    wake_up = place.wake_up(place.unit("s", "ada"))

    def slow(_) -> str:
        place.clock.advance(seconds=91)
        assert place.claims(wake_up.unit) is not None
        return facts("ada sings")

    derive(place.served_by(AnsweringModel(slow)), wake_up)

    assert (place.conclusions(), place.windows(wake_up.unit)) == ([], [])
    assert place.unit_row(wake_up.unit)["answer"] is None


def test_derive_twice_for_one_wake_up_commits_the_window_once(place):
    place.says("s", ("ada", "I sing"))
    backends, model = place.asks(facts("ada sings"))
    wake_up = place.wake_up(place.unit("s", "ada"))
    derive(backends, wake_up)
    derive(backends, wake_up)
    assert len(model.requests) == 1
    assert [row["times_derived"] for row in place.conclusions()] == [1]


def test_derive_while_another_is_at_it_does_nothing(place):
    place.says("s", ("ada", "I sing"))
    wake_up = place.wake_up(place.unit("s", "ada"))

    def nested(_) -> str:
        derive(place.asks()[0], wake_up)
        return facts("ada sings")

    derive(place.served_by(AnsweringModel(nested)), wake_up)
    assert place.windows(wake_up.unit) == [(1, 1)]


def test_derive_when_the_claim_was_stale_wakes_nobody_twice(place):
    place.says("s", ("ada", "one"))
    derive(place.asks(facts())[0], WakeUp(place.unit("s", "ada"), 999))
    assert place.windows(place.unit("s", "ada")) == [(1, 1)]


def test_derive_over_a_hundred_messages_commits_windows_without_gaps_in_order(place):
    sizes = [1, 40, 7, 300, 90] * 20
    for start in range(0, 100, 10):
        place.says("s", *(("ada", "word " * size) for size in sizes[start : start + 10]))
    unit = place.unit("s", "ada")
    backends = place.served_by(AnsweringModel(lambda _: facts()))
    for _ in range(100):
        for wake_up in place.queue.take(unit.kind):
            derive(backends, wake_up)
        if not place.unit_row(unit)["pending_items"]:
            break
    windows = place.windows(unit)
    assert [place for first, last in windows for place in range(first, last + 1)] == list(range(1, 101))
    assert len(windows) > 5
    assert {item["state"] for item in place.items(unit)} == {"finished"}


def test_derive_takes_nul_characters_out_of_what_the_model_says(place):
    place.says("s", ("ada", "I sing"))
    derived(place, '{"explicit": [{"content": "ada\\u0000sings", "message": 1}]}')
    assert contents(place) == [("ada", "ada sings")]


def test_derive_does_not_show_the_targets_own_earlier_message_again(place):
    place.says("s", ("ada", "I moved to Lisbon"))
    derived(place, facts(("ada moved to Lisbon", 1)))
    place.says("s", ("ada", "Good night"))
    assert "Lisbon" not in prompt(derived(place, facts()))
