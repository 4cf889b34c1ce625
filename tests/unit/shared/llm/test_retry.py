"""Retries, waits and the backup, on a clock that only sleeping moves."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from shared.domain.errors import ModelRefused, ModelUnavailable, ServiceError
from shared.llm.retry import Pace, Retrying
from shared.llm.types import Completion, Delta, Reply, TextDelta, UserTurn

REQUEST = Completion((UserTurn("hello"),), "derive", 100, timeout_s=60)
BUSY = ModelUnavailable("busy")
REFUSED = ModelRefused("refused")
DECLINED = Reply("", finish="refusal", model="test/first")


@dataclass
class Time:
    """Time as a test wants it. A pace of it never jitters."""

    now_s: float = 100.0
    slept: list[float] = field(default_factory=list[float])

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def pace(self, *, jitter: float = 0.0) -> Pace:
        return Pace(sleep=self.sleep, now=lambda: self.now_s, jitter=lambda: jitter)


class Script:
    """A chat model that plays a script of texts and errors, each call taking `takes_s`."""

    def __init__(
        self, time: Time, *steps: str | Reply | ServiceError, name: str = "test/first", takes_s: float = 0.0
    ) -> None:
        self.name = name
        self.timeouts: list[float | None] = []
        self.temperatures: list[float | None] = []
        self._time = time
        self._takes_s = takes_s
        self._steps = iter(steps)

    def complete(self, request: Completion) -> Reply:
        self.timeouts.append(request.timeout_s)
        self.temperatures.append(request.temperature)
        self._time.now_s += self._takes_s
        step = next(self._steps)
        if isinstance(step, ServiceError):
            raise step
        return step if isinstance(step, Reply) else Reply(step, model=self.name)

    def stream(self, request: Completion) -> Iterator[Delta]:
        """An error after a `…` text comes after that text was handed out."""
        reply = self.complete(request)
        if reply.text:
            yield TextDelta(reply.text)
        if reply.text.endswith("…"):
            self.complete(request)
        yield reply


def test_complete_with_passing_trouble_waits_twice_as_long_each_time() -> None:
    time = Time()
    model = Retrying(Script(time, BUSY, BUSY, "ok"), pace=time.pace())
    assert model.complete(REQUEST).text == "ok"
    assert time.slept == [0.5, 1.0]


def test_complete_with_full_jitter_waits_half_as_long() -> None:
    time = Time()
    Retrying(Script(time, BUSY, BUSY, "ok"), pace=time.pace(jitter=1.0)).complete(REQUEST)
    assert time.slept == [0.25, 0.5]


def test_complete_when_the_attempts_are_used_up_raises_the_last_error() -> None:
    time = Time()
    last = ModelUnavailable("the third")
    with pytest.raises(ModelUnavailable) as caught:
        Retrying(Script(time, BUSY, BUSY, last, "never"), pace=time.pace()).complete(REQUEST)
    assert caught.value is last
    assert time.slept == [0.5, 1.0]


def test_complete_when_told_when_to_come_back_waits_that_long() -> None:
    time = Time()
    Retrying(Script(time, ModelUnavailable("busy", retry_after_s=20), "ok"), pace=time.pace()).complete(REQUEST)
    assert time.slept == [20]


def test_complete_when_told_to_come_back_after_the_deadline_raises_at_once() -> None:
    time = Time()
    with pytest.raises(ModelUnavailable):
        Retrying(Script(time, ModelUnavailable("busy", retry_after_s=61), "never"), pace=time.pace()).complete(REQUEST)
    assert time.slept == []


def test_complete_gives_each_attempt_what_is_left_of_the_timeout() -> None:
    time = Time()
    script = Script(time, BUSY, BUSY, "ok", takes_s=10)
    Retrying(script, pace=time.pace()).complete(REQUEST)
    assert script.timeouts == [60, 49.5, 38.5]


@pytest.mark.parametrize(("asked", "again"), [(0.0, 0.2), (0.7, 0.7), (None, None)])
def test_complete_again_is_never_at_zero_temperature(asked: float | None, again: float | None) -> None:
    time = Time()
    script, backup = Script(time, BUSY, BUSY), Script(time, "ok")
    Retrying(script, backup, time.pace()).complete(replace(REQUEST, temperature=asked))
    assert [*script.temperatures, *backup.temperatures] == [asked, again, again]


def test_complete_when_refused_raises_at_once() -> None:
    time = Time()
    with pytest.raises(ModelRefused):
        Retrying(Script(time, REFUSED, "never"), pace=time.pace()).complete(REQUEST)


def test_complete_with_a_backup_gives_it_the_last_attempt_without_a_wait() -> None:
    time = Time()
    backup = Script(time, "spare", name="test/backup")
    reply = Retrying(Script(time, BUSY, BUSY, "never"), backup, time.pace()).complete(REQUEST)
    assert (reply.text, reply.model) == ("spare", "test/backup")
    assert time.slept == [0.5]


def test_complete_when_refused_asks_the_backup_at_once() -> None:
    time = Time()
    reply = Retrying(Script(time, REFUSED, "never"), Script(time, "spare"), time.pace()).complete(REQUEST)
    assert reply.text == "spare"
    assert time.slept == []


def test_complete_when_the_first_model_hangs_leaves_the_backup_a_third() -> None:
    time = Time()
    first, backup = Script(time, BUSY, takes_s=40), Script(time, "spare")
    assert Retrying(first, backup, time.pace()).complete(REQUEST).text == "spare"
    assert (first.timeouts, backup.timeouts) == ([40], [20])


def test_complete_when_the_backup_fails_too_raises_its_error() -> None:
    time = Time()
    backup = Script(time, ModelUnavailable("backup is down"), "never")
    with pytest.raises(ModelUnavailable, match="backup is down"):
        Retrying(Script(time, REFUSED), backup, time.pace()).complete(REQUEST)


def test_complete_when_the_answer_is_declined_asks_the_backup_at_once() -> None:
    time = Time()
    reply = Retrying(Script(time, DECLINED, "never"), Script(time, "spare"), time.pace()).complete(REQUEST)
    assert (reply.text, time.slept) == ("spare", [])


def test_complete_when_nobody_else_can_be_asked_gives_the_declined_answer() -> None:
    time = Time()
    assert Retrying(Script(time, DECLINED, "never"), pace=time.pace()).complete(REQUEST) == DECLINED
    assert Retrying(Script(time, DECLINED), Script(time, DECLINED), time.pace()).complete(REQUEST) == DECLINED


def test_stream_when_the_answer_is_declined_without_a_word_asks_the_backup() -> None:
    time = Time()
    first, backup = Script(time, DECLINED), Script(time, "spare", name="test/backup")
    deltas = [*Retrying(first, backup, time.pace()).stream(REQUEST)]
    assert deltas == [TextDelta("spare"), Reply("spare", model="test/backup")]


def test_stream_before_the_first_piece_is_tried_again() -> None:
    time = Time()
    deltas = [*Retrying(Script(time, BUSY, "ok"), pace=time.pace()).stream(REQUEST)]
    assert deltas == [TextDelta("ok"), Reply("ok", model="test/first")]


def test_stream_after_the_first_piece_raises_and_asks_nobody_else() -> None:
    time = Time()
    script, backup = Script(time, "half…", BUSY, "never"), Script(time, "spare")
    deltas = Retrying(script, backup, time.pace()).stream(REQUEST)
    assert next(deltas) == TextDelta("half…")
    with pytest.raises(ModelUnavailable):
        next(deltas)
    assert backup.timeouts == []


def test_name_is_the_first_models() -> None:
    time = Time()
    assert Retrying(Script(time), Script(time, name="test/backup")).name == "test/first"
