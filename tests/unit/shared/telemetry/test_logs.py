"""Log lines: events with keys, and never the text of an error."""

import io
import json
import logging
import sys

import pytest
from aws_lambda_powertools import Logger

from shared.domain.errors import (
    AnswerUnreadable,
    Conflict,
    IndexUnavailable,
    Invalid,
    ModelRefused,
    ModelUnavailable,
    NotFound,
)
from shared.telemetry.logs import WithoutTexts


def _logger(written: io.StringIO) -> Logger:
    formatter = WithoutTexts(serialize_stacktrace=True)
    return Logger(service="test-events", logger_formatter=formatter, stream=written)


def test_logger_when_an_event_is_written_carries_its_keys() -> None:
    written = io.StringIO()

    _logger(written).info("work_claimed", unit="w/derive:s:a", items=3)

    line = json.loads(written.getvalue())
    assert (line["message"], line["unit"], line["items"]) == ("work_claimed", "w/derive:s:a", 3)


def shown(raised: Exception, /, **keys: object) -> dict[str, object]:
    """The line that tells of the error."""
    try:
        raise raised
    except Exception:
        record = logging.LogRecord("test", logging.ERROR, __file__, 1, "work_failed", (), sys.exc_info())
    record.__dict__.update(keys)
    return json.loads(WithoutTexts(serialize_stacktrace=True).format(record))


@pytest.mark.parametrize("kind", [ValueError, NotFound, Invalid, Conflict])
def test_formatter_when_an_error_quotes_what_was_said_leaves_the_text_out(kind: type[Exception]) -> None:
    text = "my secret " + "diary"

    line = shown(kind(text))

    assert text not in json.dumps(line)
    assert (line["stack_trace"]["type"], line["error"]) == (kind.__name__, kind.__name__)  # type: ignore[index]


@pytest.mark.parametrize("kind", [ModelUnavailable, ModelRefused, AnswerUnreadable, IndexUnavailable])
def test_formatter_says_why_something_cannot_be_reached_or_refuses_us(kind: type[Exception]) -> None:
    assert shown(kind("m refused it (HTTP 401)"))["error"] == f"{kind.__name__}: m refused it (HTTP 401)"


def test_formatter_leaves_an_error_that_was_named() -> None:
    assert shown(ModelRefused("m"), error="other")["error"] == "other"
