"""Log lines: events with keys, and never the text of an error."""

import json
import sys
from typing import Any, cast

import pytest

from shared.telemetry.logs import configure, logger


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [cast(dict[str, Any], json.loads(line)) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def to_this_test(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The logger keeps the stream it was made with; a test looks at its own, which `capsys` has set up."""
    monkeypatch.setattr(logger.registered_handler, "stream", sys.stdout)


@pytest.mark.usefixtures("to_this_test")
def test_logger_when_an_event_is_written_carries_its_keys(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "deriver")

    logger.info("work_claimed", unit="w/derive:s:a", items=3)

    [line] = _lines(capsys)
    assert (line["message"], line["unit"], line["items"], line["function"]) == ("work_claimed", "w/derive:s:a", 3, "deriver")


@pytest.mark.usefixtures("to_this_test")
def test_logger_when_an_error_quotes_what_was_said_leaves_the_text_out(capsys: pytest.CaptureFixture[str]) -> None:
    text = "my secret " + "diary"
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("work_failed", unit="w/derive:s:a")

    shown = capsys.readouterr().out
    assert text not in shown
    assert json.loads(shown)["stack_trace"]["type"] == "ValueError"
