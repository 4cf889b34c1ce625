"""Structured logs: one JSON line per event, ids and counts only.

`logger.info("work_claimed", unit="…", items=3)`: an event in the past tense, then keys. Never hand it message
text, conclusions, prompts or keys, nor what users named: of units the alias, of the rest of us the workspace.
"""

import logging
from typing import TYPE_CHECKING, Final, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from shared.domain.errors import cause_of
from shared.telemetry import tracing

if TYPE_CHECKING:
    from aws_lambda_powertools.logging.types import LogRecord


class WithoutTexts(LambdaPowertoolsFormatter):
    """Says of an error what it is and where it came from, not its text: that may quote what was said.

    Of what cannot be reached, or refuses us, the text is ours and says why: it stands as `error`.

    Adds the trace that the line belongs to; where requests share a process, each has its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, Exception) and not hasattr(record, "error"):
            record.error = cause_of(error)
        return super().format(record)

    def serialize(self, log: "LogRecord") -> str:
        line = cast(dict[str, object], log)
        line.pop("exception", None)
        trace = cast(dict[str, object] | None, line.get("stack_trace"))
        if trace is not None:
            trace.pop("value", None)
        under_way = tracing.current()
        if under_way is not None:
            line["trace_id"], line["span_id"] = under_way.trace_id, under_way.span_id
        return super().serialize(log)


logger: Final = Logger(
    service="honcho",
    logger_formatter=WithoutTexts(serialize_stacktrace=True, use_rfc3339=True, utc=True),
)


def configure(level: str, function: str) -> None:
    """Set the threshold, and the name of the function that every line carries."""
    logger.setLevel(level)
    logger.append_keys(function=function)
