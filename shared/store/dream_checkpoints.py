"""Where the run of a dream's specialist stands: kept between its turns, so that whoever comes next goes on there.

Whoever saves one holds the unit of the dream, and so does who takes conclusions away from its collection: what is
kept never tells of what is forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from shared.domain.dream import Dream
from shared.store.database import Connection


@dataclass(frozen=True, slots=True)
class Kept:
    """A run as it is stored. `made_by` tells whether another program, prompt or model made it."""

    made_by: str
    run: str


SPEND: LiteralString = """
UPDATE dreams
   SET input_tokens = greatest(input_tokens, %(input_tokens)s),
       output_tokens = greatest(output_tokens, %(output_tokens)s)
 WHERE workspace = %(workspace)s AND id = %(dream)s
"""

# A worker has in memory what it was shown. What is not there any more must not come back with it.
_STANDS: LiteralString = """
NOT EXISTS (SELECT FROM unnest(%(shown)s::text[]) AS s (id)
             WHERE NOT EXISTS (SELECT FROM conclusions AS c WHERE c.workspace = %(workspace)s AND c.id = s.id))
"""
SAVE: LiteralString = f"""
INSERT INTO dream_checkpoints (workspace, dream, phase, made_by, run, saved_at)
SELECT %(workspace)s, %(dream)s, %(phase)s, %(made_by)s, %(run)s, %(now)s
 WHERE {_STANDS}
    ON CONFLICT (workspace, dream) DO UPDATE
   SET phase = EXCLUDED.phase, made_by = EXCLUDED.made_by, run = EXCLUDED.run, saved_at = EXCLUDED.saved_at
RETURNING 1
"""


def spend(conn: Connection, dream: Dream, *, input_tokens: int, output_tokens: int) -> None:
    """Note what the dream has cost until now, all in all: a second time changes nothing."""
    conn.execute(SPEND, {**_key(dream), "input_tokens": input_tokens, "output_tokens": output_tokens})


def save(conn: Connection, dream: Dream, kept: Kept, *, shown: Sequence[str], now: datetime) -> bool:
    """Keep the run of the dream's phase; False, and nothing is kept, when a conclusion it was shown is gone.

    Inside a transaction that holds the unit.
    """
    values = {"phase": dream.phase, "made_by": kept.made_by, "run": kept.run, "shown": list(shown), "now": now}
    return conn.execute(SAVE, {**_key(dream), **values}).fetchone() is not None


STANDS: LiteralString = f"SELECT {_STANDS}"


def stands(conn: Connection, workspace: str, shown: Sequence[str]) -> bool:
    """Whether all that a run was shown is still there, be it hidden. Inside a transaction that holds the unit."""
    row = conn.execute(STANDS, {"workspace": workspace, "shown": list(shown)}).fetchone()
    return row is not None and bool(row[0])


GET: LiteralString = """
SELECT made_by, run FROM dream_checkpoints
 WHERE workspace = %(workspace)s AND dream = %(dream)s AND phase = %(phase)s
"""


def get(conn: Connection, dream: Dream) -> Kept | None:
    """What is kept of the dream's phase."""
    row = conn.execute(GET, {**_key(dream), "phase": dream.phase}).fetchone()
    return Kept(*row) if row else None


DROP: LiteralString = """
WITH gone AS (
    DELETE FROM dream_checkpoints WHERE workspace = %(workspace)s AND dream = %(dream)s RETURNING dream)
UPDATE dreams SET restarts = restarts + 1
 WHERE workspace = %(workspace)s AND id IN (SELECT dream FROM gone)
"""


def drop(conn: Connection, dream: Dream) -> None:
    """Forget what is kept, and count that the phase begins anew. What it has cost stays counted."""
    conn.execute(DROP, _key(dream))


# Whoever forgets something has counted the run that was kept.
RESTART: LiteralString = """
WITH gone AS (DELETE FROM dream_checkpoints WHERE workspace = %(workspace)s AND dream = %(dream)s)
UPDATE dreams SET restarts = greatest(restarts, %(restarts)s) WHERE workspace = %(workspace)s AND id = %(dream)s
"""


def restart(conn: Connection, dream: Dream) -> None:
    """Forget what is kept, if anything is, and count once that the phase of `dream`, as it was read, begins anew."""
    conn.execute(RESTART, {**_key(dream), "restarts": dream.restarts + 1})


CLEAR: LiteralString = "DELETE FROM dream_checkpoints WHERE workspace = %(workspace)s AND dream = %(dream)s"


def clear(conn: Connection, workspace: str, dream_id: str) -> None:
    """Forget what is kept: its phase is done."""
    conn.execute(CLEAR, {"workspace": workspace, "dream": dream_id})


def _key(dream: Dream) -> dict[str, object]:
    return {"workspace": dream.collection.workspace, "dream": dream.id}
