"""What a long summary still knows after it has been written again and again."""

from shared.domain.work import TaskKind
from shared.llm.offline import OfflineModel
from shared.reasoning.summarize import summarize
from shared.store import summaries

_CADENCES, _EVERY = 5, 60
_FACTS = (
    "My sister Ines lives in Valencia.",
    "I am allergic to sesame.",
    "We decided to launch on 2031-09-14.",
    "I work at Northwind as a surveyor.",
    "My dentist is Doctor Okafor.",
    "I adopted a greyhound called Pixel.",
    "The budget for the boat is 18,500 euros.",
    "I moved to Tromso in spring.",
    "I play the bassoon in an orchestra.",
    "We agreed to meet Delphine every Thursday.",
)
_TALK = ("It rained again today.", "The tram was late.", "I tidied the kitchen.", "Lunch was fine.", "Good morning!")
_WORDS = (
    "Valencia", "sesame", "2031-09-14", "Northwind", "Okafor", "Pixel", "18,500", "Tromso", "bassoon", "Delphine",
)  # fmt: skip


def test_long_summary_after_five_cadences_still_holds_the_facts_of_the_first(place):
    told = {number * 23 + 7: fact for number, fact in enumerate(_FACTS)}
    for first in range(0, _CADENCES * _EVERY, _EVERY):
        said = [("ada", told.get(n, _TALK[n % len(_TALK)])) for n in range(first, first + _EVERY)]
        place.says("s", *said)
        for wake_up in place.queue.take(TaskKind.SUMMARY):
            summarize(place.served_by(OfflineModel("rules")), wake_up)
    with place.backends.db.reading() as conn:
        stored = summaries.both(conn, place.workspace, "s")
    assert stored["long"].covered_seq == stored["short"].covered_seq == _CADENCES * _EVERY
    assert [word for word in _WORDS if word not in stored["long"].content] == []


def test_summary_of_nothing_but_small_talk_is_done_and_not_tried_again(place):
    place.says("s", *[("ada", "ok")] * 20)
    [wake_up] = place.queue.take(TaskKind.SUMMARY)
    summarize(place.served_by(OfflineModel("rules")), wake_up)
    with place.backends.db.reading() as conn:
        [short] = summaries.both(conn, place.workspace, "s").values()
    assert (short.content, short.covered_seq) == ("Nothing of note was said.", 20)
