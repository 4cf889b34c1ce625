"""Summarizing: at its cadence, from where it ended, and never backwards."""

import re

import pytest

from shared.domain.errors import ModelUnavailable
from shared.domain.summary import Summary
from shared.domain.work import TaskKind, WakeUp
from shared.llm import tokens
from shared.llm.types import Completion, Reply, UserTurn
from shared.memory.relay import relay
from shared.reasoning.summarize import summarize
from shared.store import summaries
from tests.support.backends import AnsweringModel


class Scribe(AnsweringModel):
    """Names the numbers of the messages it was shown, after the earlier summary."""

    def __init__(self) -> None:
        super().__init__(self._write)
        self.seen: list[tuple[str, list[int]]] = []

    def _write(self, request: Completion) -> str:
        [turn] = request.turns
        assert isinstance(turn, UserTurn)
        shown = [int(number) for number in re.findall(r"ada: message (\d+)\b", turn.text)]
        self.seen.append((request.purpose.removeprefix("summary_"), shown))
        return f"up to {shown[-1]}"


def speak(place, first: int, last: int, session: str = "s") -> None:
    place.says(session, *(("ada", f"message {n}") for n in range(first, last + 1)))


def work_off(place, model, session: str = "s") -> None:
    """Deal with every wake-up for a summary that was sent."""
    for wake_up in place.queue.take(TaskKind.SUMMARY):
        assert wake_up.unit == place.unit(session, kind=TaskKind.SUMMARY)
        summarize(place.served_by(model), wake_up)


def stored(place) -> dict[str, tuple[int, str]]:
    with place.backends.db.reading() as conn:
        found = summaries.both(conn, place.workspace, "s")
    return {kind: (summary.covered_seq, summary.content) for kind, summary in found.items()}


def test_summarize_below_the_cadence_is_not_planned(place):
    speak(place, 1, 19)
    assert place.queue.take(TaskKind.SUMMARY) == []


def test_summarize_at_the_cadence_covers_everything_so_far(place):
    speak(place, 1, 20)
    model = Scribe()
    work_off(place, model)
    assert stored(place) == {"short": (20, "up to 20")}
    assert model.seen == [("short", list(range(1, 21)))]
    with place.backends.db.reading() as conn:
        short = summaries.both(conn, place.workspace, "s")["short"]
    assert short.token_count == tokens.count("up to 20")
    assert place.windows(place.unit("s", kind=TaskKind.SUMMARY)) == [(20, 20)]


def test_summarize_a_batch_of_a_hundred_makes_one_pass_of_each_kind(place):
    speak(place, 1, 100)
    model = Scribe()
    work_off(place, model)
    assert sorted(model.seen) == [("long", list(range(1, 61))), ("short", list(range(1, 101)))]
    assert stored(place) == {"short": (100, "up to 100"), "long": (60, "up to 60")}
    unit = place.unit("s", kind=TaskKind.SUMMARY)
    assert place.windows(unit) == [(20, 100)]
    assert place.unit_row(unit)["pending_items"] == 0


def test_summarize_goes_on_where_the_last_one_ended(place):
    model = Scribe()
    speak(place, 1, 20)
    work_off(place, model)
    speak(place, 21, 45)
    work_off(place, model)
    assert model.seen[-1] == ("short", list(range(21, 41)))
    turn = model.requests[-1].turns[0]
    assert isinstance(turn, UserTurn)
    assert "up to 20" in turn.text
    assert stored(place)["short"] == (40, "up to 40")


def test_summarize_after_a_failed_cadence_covers_it_with_the_next(place):
    speak(place, 1, 20)
    for wake_up in place.queue.take(TaskKind.SUMMARY):
        for _ in range(5):
            summarize(place.asks("   ")[0], wake_up)
            place.clock.advance(minutes=1)
            relay(place.backends)
    unit = place.unit("s", kind=TaskKind.SUMMARY)
    assert [item["state"] for item in place.items(unit)] == ["parked"]
    assert stored(place) == {}

    place.queue.take()
    speak(place, 21, 40)
    model = Scribe()
    work_off(place, model)
    assert model.seen == [("short", list(range(1, 41)))]
    assert stored(place) == {"short": (40, "up to 40")}


def test_summarize_after_hundreds_of_messages_were_erased_covers_what_is_left(place):
    bot = [("bot", f"tick {n}") for n in range(500)]
    place.says("s", *bot, *(("ada", f"message {n}") for n in range(501, 521)))
    place.backends.db.run(lambda conn: conn.execute("DELETE FROM messages WHERE peer = 'bot'"))
    model = Scribe()
    work_off(place, model)
    assert model.seen[-1] == ("short", list(range(501, 521)))
    assert stored(place)["short"] == (520, "up to 520")


def test_summarize_when_the_answer_is_declined_says_so(place):
    speak(place, 1, 20)
    [wake_up] = place.queue.take(TaskKind.SUMMARY)
    summarize(place.asks(Reply("No.", finish="refusal", model="test/prim"))[0], wake_up)
    error = place.unit_row(place.unit("s", kind=TaskKind.SUMMARY))["error"]
    assert (error, stored(place)) == ("AnswerDeclined: test/prim declined to answer", {})


def test_summarize_in_an_outage_keeps_what_is_written_and_goes_on_later(place):
    speak(place, 1, 60)
    [wake_up] = place.queue.take(TaskKind.SUMMARY)
    summarize(place.asks("short one", ModelUnavailable())[0], wake_up)
    assert len(stored(place)) == 1

    place.clock.advance(seconds=2)
    relay(place.backends)
    model = Scribe()
    work_off(place, model)
    assert len(model.seen) == 1
    assert {kind: covered for kind, (covered, _) in stored(place).items()} == {"short": 60, "long": 60}


def test_summarize_reads_a_long_backlog_in_several_calls(place):
    place.says("s", *(("ada", f"message {n} " + "word " * 1999) for n in range(1, 21)))
    model = Scribe()
    work_off(place, model)
    assert [len(shown) for _, shown in model.seen] == [11, 9]
    assert stored(place)["short"] == (20, "up to 20")


def test_summarize_when_the_lease_nears_its_end_keeps_what_is_written_and_goes_on_at_once(place):
    place.says("s", *(("ada", f"message {n} " + "word " * 1999) for n in range(1, 21)))
    slow = Scribe()

    def write(request: Completion) -> str:
        place.clock.advance(seconds=70)
        return slow.complete(request).text

    work_off(place, AnsweringModel(write))
    row = place.unit_row(place.unit("s", kind=TaskKind.SUMMARY))
    assert (row["due_at"], row["failures"]) == (place.clock.moment, 0)
    assert row["error"].startswith("OutOfTime")
    relay(place.backends)
    work_off(place, slow)
    assert [len(shown) for _, shown in slow.seen] == [11, 9]
    assert stored(place)["short"] == (20, "up to 20")


def test_summarize_asks_for_an_answer_within_its_lease(place):
    speak(place, 1, 20)
    asked = list[float | None]()

    def write(request: Completion) -> str:
        asked.append(request.timeout_s)
        return "short"

    work_off(place, AnsweringModel(write))
    assert asked == [80]


def test_summarize_asks_for_an_answer_within_its_lease_whatever_it_may_take(place):
    place = place.configured(summary={"timeout_seconds": 300})
    speak(place, 1, 20)
    slow = AnsweringModel(lambda _: "short")
    work_off(place, slow)
    assert [request.timeout_s for request in slow.requests] == [85.0]


def test_summarize_twice_for_one_wake_up_asks_once(place):
    speak(place, 1, 20)
    [wake_up] = place.queue.take(TaskKind.SUMMARY)
    model = Scribe()
    summarize(place.served_by(model), wake_up)
    summarize(place.served_by(model), wake_up)
    assert len(model.seen) == 1


def test_summarize_when_it_was_switched_off_meanwhile_writes_nothing(place):
    speak(place, 1, 20)
    with place.backends.db.transaction() as conn:
        conn.execute(
            'UPDATE sessions SET configuration = \'{"summary": {"enabled": false}}\' WHERE workspace = %s',
            [place.workspace],
        )
    model = Scribe()
    work_off(place, model)
    assert (model.seen, stored(place)) == ([], {})
    assert place.unit_row(place.unit("s", kind=TaskKind.SUMMARY))["pending_items"] == 0
    speak(place, 21, 40)
    assert place.queue.take(TaskKind.SUMMARY) == []


def test_summarize_while_another_writes_does_nothing(place):
    speak(place, 1, 20)
    [wake_up] = place.queue.take(TaskKind.SUMMARY)
    inner = Scribe()

    def nested(_: Completion) -> str:
        summarize(place.served_by(inner), WakeUp(wake_up.unit, 99))
        return "the outer one"

    summarize(place.served_by(AnsweringModel(nested)), wake_up)
    assert (inner.seen, stored(place)) == ([], {"short": (20, "the outer one")})


def test_summarize_keeps_to_its_tokens(place):
    place = place.configured(summary={"max_tokens_short": 10})
    speak(place, 1, 20)
    work_off(place, AnsweringModel(lambda _: "word " * 500))
    with place.backends.db.reading() as conn:
        assert summaries.both(conn, place.workspace, "s")["short"].token_count <= 10


@pytest.mark.parametrize(("covered", "expected"), [(19, "old"), (20, "old"), (21, "new")])
def test_put_replaces_a_summary_only_by_one_that_covers_more(place, covered, expected):
    place.joins("s")
    with place.backends.db.transaction() as conn:
        for content, seq in (("old", 20), ("new", covered)):
            summary = Summary("short", content, "m", seq, 1, place.clock.moment)
            summaries.put(conn, place.workspace, "s", summary)
    assert stored(place) == {"short": (max(covered, 20), expected)}
