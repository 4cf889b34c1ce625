"""Evidence on the wire: with the words that conclusions rest on, which the conclusions themselves do not show."""

from datetime import UTC, datetime

from functions.api.wire.chat import Evidence
from functions.api.wire.conclusions import Conclusion
from shared.domain import evidence
from shared.domain.conclusion import Conclusion as Stored
from shared.domain.message import Message
from shared.domain.quotes import Quote

THEN = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
SAID = Message("m1", "w", "s", "ada", 1, "Well, I sing alto.", 5, {}, THEN)
STORED = Stored(
    *("c1", "w", "ada", "ada", "s", "explicit", "ada sings", 1, (), ("m1",), (), THEN, THEN),
    event_at=THEN.replace(year=2030),
    quotes=(Quote("m1", 6, 12),),
    quote_state="verified",
)


def test_evidence_shows_the_words_and_the_event():
    shown = Evidence.of(evidence.evidence([STORED], [SAID], [])).model_dump(mode="json")
    [conclusion] = shown["conclusions"]
    assert conclusion["quotes"] == [{"message_id": "m1", "start": 6, "end": 12, "text": "I sing"}]
    assert conclusion["event_at"] == "2030-05-06T07:08:09Z"


def test_conclusion_shows_its_messages_and_no_words_of_them():
    shown = Conclusion.of(STORED).model_dump(mode="json")
    assert shown["source_message_ids"] == ["m1"]
    assert "quotes" not in shown
    assert "quote_state" not in shown
