"""Structured logs: one JSON line per event, ids and counts only.

`logger.info("work_claimed", unit="…", items=3)`: an event in the past tense, then keys. Never hand it message
text, conclusions, prompts or keys.
"""

from typing import TYPE_CHECKING, Final, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

if TYPE_CHECKING:
    from aws_lambda_powertools.logging.types import LogRecord


class WithoutTexts(LambdaPowertoolsFormatter):
    """Says of an error what it is and where it came from, never its text: that may quote what was said."""

    def serialize(self, log: "LogRecord") -> str:
        line = cast(dict[str, object], log)
        line.pop("exception", None)
        trace = cast(dict[str, object] | None, line.get("stack_trace"))
        if trace is not None:
            trace.pop("value", None)
        return super().serialize(log)


logger: Final = Logger(
    service="honcho",
    logger_formatter=WithoutTexts(serialize_stacktrace=True, use_rfc3339=True, utc=True),
)


def configure(level: str, function: str) -> None:
    """Set the threshold, and the name of the function that every line carries."""
    logger.setLevel(level)
    logger.append_keys(function=function)
