"""Where something stands in a trace, as W3C Trace Context writes it in `traceparent`."""

import re
import secrets
from dataclasses import dataclass
from typing import Final

# How the header is called, and so the attribute of a queue's message.
HEADER: Final = "traceparent"
# https://www.w3.org/TR/trace-context/#traceparent-header
_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_SAMPLED: Final = 1


@dataclass(frozen=True, slots=True)
class Trace:
    """One span of a trace: 32 and 16 hexadecimal digits, neither all zero. `is_sampled`: who began it records it."""

    trace_id: str
    span_id: str
    is_sampled: bool = True

    @property
    def header(self) -> str:
        """The value of `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"

    def child(self) -> "Trace":
        """A new span of the same trace."""
        return Trace(self.trace_id, _digits(8), self.is_sampled)


def begin() -> Trace:
    """A trace of its own."""
    return Trace(_digits(16), _digits(8))


def parse(header: str | None) -> Trace | None:
    """What `header` says. None for everything that the recommendation calls invalid: it is then as if not sent."""
    match = _FORM.fullmatch((header or "").strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    # A version of the future may say more; this one may not.
    is_valid = version != "ff" and not (version == "00" and rest)
    if not is_valid or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return Trace(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def _digits(size: int) -> str:
    # All zero means none: once in 2^64 draws.
    return secrets.token_hex(size - 1) + f"{secrets.randbelow(255) + 1:02x}"
