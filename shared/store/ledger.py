"""The ledger: what each window of work came to, and which calls of models it took."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from shared.domain.usage import ModelCall
from shared.domain.work import Claim
from shared.store import calls
from shared.store.database import Connection


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a window came to. `calls` are those that nobody has noted yet."""

    model: str
    input_tokens: int
    output_tokens: int
    conclusions: int
    calls: tuple[ModelCall, ...] = ()


# A window that an erasure has opened again costs once more: what it cost before stays counted.
LEDGER: LiteralString = f"""
WITH {calls.NOTED}
INSERT INTO work_windows AS w
       (workspace, unit, first_seq, last_seq, items, token, model, input_tokens, output_tokens, conclusions,
        committed_at, run)
VALUES (%(workspace)s, %(unit)s, %(first)s, %(last)s, %(items)s, %(token)s, %(model)s, %(input_tokens)s,
        %(output_tokens)s, %(conclusions)s, %(now)s, %(run)s)
    ON CONFLICT (workspace, unit, first_seq) DO UPDATE
   SET last_seq = greatest(w.last_seq, EXCLUDED.last_seq), items = EXCLUDED.items, token = EXCLUDED.token,
       model = EXCLUDED.model, input_tokens = w.input_tokens + EXCLUDED.input_tokens,
       output_tokens = w.output_tokens + EXCLUDED.output_tokens,
       conclusions = w.conclusions + EXCLUDED.conclusions, committed_at = EXCLUDED.committed_at, run = EXCLUDED.run
"""


def enter(conn: Connection, claimed: Claim, outcome: Outcome, *, now: datetime) -> None:
    """Write the row of the window, and note its calls. Its `run` is theirs."""
    conn.execute(
        LEDGER,
        {
            "workspace": claimed.unit.workspace,
            "unit": claimed.unit.key,
            "first": claimed.first_seq,
            "last": claimed.last_seq,
            "items": len(claimed.items),
            "token": claimed.token,
            "model": outcome.model,
            "input_tokens": outcome.input_tokens,
            "output_tokens": outcome.output_tokens,
            "conclusions": outcome.conclusions,
            "now": now,
            "run": claimed.run,
            "calls": calls.given(outcome.calls),
        },
    )
