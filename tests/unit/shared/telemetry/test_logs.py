"""Log lines: events with keys, and never the text of an error."""

import io
import json
import logging
import sys

from aws_lambda_powertools import Logger

from shared.telemetry.logs import WithoutTexts


def _logger(written: io.StringIO) -> Logger:
    formatter = WithoutTexts(serialize_stacktrace=True)
    return Logger(service="test-events", logger_formatter=formatter, stream=written)


def test_logger_when_an_event_is_written_carries_its_keys() -> None:
    written = io.StringIO()

    _logger(written).info("work_claimed", unit="w/derive:s:a", items=3)

    line = json.loads(written.getvalue())
    assert (line["message"], line["unit"], line["items"]) == ("work_claimed", "w/derive:s:a", 3)


def test_formatter_when_an_error_quotes_what_was_said_leaves_the_text_out() -> None:
    text = "my secret " + "diary"
    try:
        raise ValueError(text)
    except ValueError:
        record = logging.LogRecord("test", logging.ERROR, __file__, 1, "work_failed", (), sys.exc_info())

    shown = WithoutTexts(serialize_stacktrace=True).format(record)

    assert text not in shown
    assert json.loads(shown)["stack_trace"]["type"] == "ValueError"
