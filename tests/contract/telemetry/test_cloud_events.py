"""Events over HTTP: their envelope, their modes, and a receiver that is not what one would wish."""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.json import Json
from shared.domain.trace import Trace
from shared.domain.version import VERSION
from shared.telemetry import events, metrics
from shared.telemetry.cloud_events import CloudEvents, shown_as_json
from shared.telemetry.events import Event, EventType
from shared.telemetry.metrics import Instrument
from shared.telemetry.shipper import Pace
from tests.support.listener import Listener

TRACE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
THEN = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
QUICK = Pace(batch=100, threshold=1000, interval_s=60, attempts=2, most=50, first_pause_s=0.01, rest_s=60)


class Counts:
    """What was counted, by metric and labels."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, ...], float] = {}

    def add(self, instrument: Instrument, labels: tuple[str, ...], value: float) -> None:
        key = (instrument.name, *labels)
        self.found[key] = self.found.get(key, 0) + value


@pytest.fixture
def counts() -> Iterator[Counts]:
    counting = Counts()
    metrics.listen(counting)
    yield counting
    metrics.unlisten(counting)


@pytest.fixture
def receiver() -> Iterator[Listener]:
    with Listener() as listening:
        yield listening


def sink(receiver: Listener, *, pace: Pace = QUICK, share: float = 1.0) -> CloudEvents:
    return CloudEvents(receiver.url, {"X-Key": "k"}, namespace="acme", pace=pace, share=share)


def event(number: int = 0, kind: EventType = events.MESSAGE_CREATED, **fields: Json) -> Event:
    return Event(kind, f"w:s:{number}", THEN, {"message_count": 2, **fields}, TRACE)


def test_envelope_has_what_the_specification_asks_for():
    shown = shown_as_json(event(), "acme")
    assert shown == {
        "specversion": "1.0",
        "id": shown["id"],
        "type": "message.created",
        "source": "/honcho/acme/api",
        "time": "2031-05-06T07:08:09+00:00",
        "datacontenttype": "application/json",
        "dataschema": "urn:honcho-serverless:message.created:1",
        "traceparent": TRACE.header,
        "data": {"message_count": 2, "timestamp": "2031-05-06T07:08:09+00:00", "package_version": VERSION},
    }
    assert re.fullmatch(r"evt_[A-Za-z0-9_-]{22}", str(shown["id"]))
    assert shown_as_json(event(), None)["source"] == "/honcho/api"


def test_id_is_the_same_for_the_same_event_and_no_other():
    assert event(1).id == event(1).id
    assert len({event(1).id, event(2).id, event(1, events.FILE_UPLOADED).id}) == 3


def test_one_event_is_sent_alone_and_several_as_a_batch(receiver: Listener, counts: Counts):
    out = sink(receiver)
    out.take(event(1))
    out.flush(10)
    out.take(event(2))
    out.take(event(3))
    out.flush(10)
    one, many = receiver.received
    assert one.headers["content-type"] == "application/cloudevents+json"
    assert one.headers["x-key"] == "k"
    assert json.loads(one.body)["id"] == event(1).id
    assert many.headers["content-type"] == "application/cloudevents-batch+json"
    assert [shown["id"] for shown in json.loads(many.body)] == [event(2).id, event(3).id]
    assert counts.found == {("telemetry_events_emitted", "message.created"): 3}


def test_receiver_that_fails_is_asked_again_with_the_same_events(receiver: Listener):
    receiver.statuses[:] = [503]
    out = sink(receiver)
    out.take(event())
    out.flush(10)
    first, second = receiver.received
    assert first.body == second.body
    assert out.waiting == 0


@pytest.mark.parametrize(("status", "kept"), [(500, 1), (429, 1), (400, 0), (401, 0), (302, 0)])
def test_receiver_that_keeps_refusing_gets_them_later_or_never(
    receiver: Listener, counts: Counts, status: int, kept: int
):
    receiver.statuses[:] = [status] * 2
    out = sink(receiver)
    out.take(event())
    out.flush(10)
    assert out.waiting == kept
    assert len(receiver.received) == (2 if kept else 1)
    dropped = counts.found.get(("telemetry_events_dropped", "send_failed"), 0)
    assert dropped == 1 - kept


def test_receiver_that_hangs_holds_nobody_up_and_drops_are_counted(receiver: Listener, counts: Counts):
    receiver.gate = threading.Event()
    out = sink(receiver, pace=Pace(batch=1, threshold=1, interval_s=60, attempts=1, most=4))
    began = time.monotonic()
    for number in range(20):
        out.take(event(number))
    out.flush(0.05)
    assert time.monotonic() - began < 4
    assert out.waiting <= 4
    assert counts.found[("telemetry_events_dropped", "buffer_full")] >= 15
    receiver.gate.set()


def test_receiver_that_is_not_there_keeps_them_waiting():
    with Listener() as gone:
        url = gone.url
    out = CloudEvents(url, {}, namespace=None, pace=QUICK)
    out.take(event())
    out.flush(10)
    assert out.waiting == 1


def chosen(share: float, **fields: Json) -> tuple[int, Mapping[tuple[str, ...], float]]:
    counting = Counts()
    metrics.listen(counting)
    with Listener() as receiver:
        out = sink(receiver, share=share, pace=Pace(batch=1000, threshold=1000, interval_s=60))
        for number in range(200):
            out.take(event(number, events.MODEL_CALLED, **fields))
        waiting = out.waiting
    metrics.unlisten(counting)
    return waiting, counting.found


def test_frequent_kinds_are_sampled_by_run_and_others_never(receiver: Listener):
    some, counted = chosen(0.5)
    assert 60 < some < 140
    assert counted == {("telemetry_events_sampled_out", "llm.call.completed"): 200 - some}
    assert chosen(0.5)[0] == some
    # What belongs to one run goes together.
    assert chosen(0.5, run_id="a")[0] in (0, 200)
    assert (chosen(0)[0], chosen(1)[0]) == (0, 200)
    out = sink(receiver, share=0)
    out.take(event())
    assert out.waiting == 1


def test_names_of_people_are_told_under_an_alias():
    one, same = events.alias("w", "ada"), events.alias("w", "ada")
    assert one == same
    assert one is not None
    assert "ada" not in one
    assert events.alias("v", "ada") != one
    assert events.alias("w", None) is None


def test_publish_without_anybody_to_take_it_makes_no_event(monkeypatch: pytest.MonkeyPatch):
    made: list[Any] = []
    monkeypatch.setattr(events, "Event", lambda *parts: made.append(parts))
    events.publish(events.MESSAGE_CREATED, "w", message_count=1)
    assert made == []
