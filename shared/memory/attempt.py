"""One attempt at a window of work, as it is seen from outside: its span, its line in the log, its cause."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from shared.domain.trace import Trace, parse
from shared.domain.work import Claim, WorkItem
from shared.telemetry import tracing
from shared.telemetry.logs import logger
from shared.telemetry.tally import tallied

Ending: TypeAlias = Literal["finished", "put_off", "parked", "lost", "interrupted"]

_MOST_LINKS: Final = 32


@dataclass(slots=True)
class Attempt:
    """How it ended: finished, unless somebody says otherwise; `error` is the class of what went wrong."""

    ending: Ending = "finished"
    error: str | None = None

    def ended(self, ending: Ending, error: BaseException | None = None) -> None:
        self.ending, self.error = ending, None if error is None else type(error).__name__


@contextmanager
def attempted(claimed: Claim) -> Generator[Attempt]:
    """What happens inside belongs to the request that planned the newest item; the others' are linked.

    One parent only: a trace is a tree, and the newest message is the one that filled the window. Items without a
    trace leave the work with whatever woke it.
    """
    unit, attempt = claimed.unit, Attempt()
    causes = _causes(claimed.items)
    cause, links = (causes[-1], causes[:-1]) if causes else (tracing.current(), [])
    about: dict[str, tracing.Attribute] = {
        "kind": unit.kind.value,
        "workspace": unit.workspace,
        "unit": unit.alias,
        "items": len(claimed.items),
        "attempt": claimed.attempts,
    }
    with tracing.entry("unit", cause, about, links=links[-_MOST_LINKS:]) as span, tallied() as tally:
        try:
            yield attempt
        finally:
            span.error = attempt.error
            span.attributes |= {
                "outcome": attempt.ending,
                "tokens": sum(item.tokens for item in claimed.items),
                "model": tally.model,
                "model_calls": tally.calls,
                "input_tokens": tally.input_tokens,
                "output_tokens": tally.output_tokens,
            }
            line = {**span.attributes, "seconds": round(span.seconds, 3), "error": attempt.error}
            logger.info("work_attempted", extra=line)


def _causes(items: Sequence[WorkItem]) -> list[Trace]:
    """The requests behind the items, each once, in the order of the items."""
    found = dict.fromkeys(item.traceparent for item in reversed(items) if item.traceparent is not None)
    return [trace for one in reversed(found) if (trace := parse(one)) is not None]
