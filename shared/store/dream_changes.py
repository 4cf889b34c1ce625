"""What dreams change, recorded so that it can be shown and undone."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from shared.domain.dream import Change, Dream, Former
from shared.store.database import Connection

# In order: what comes later in a collection has the higher number.
NOTE: LiteralString = """
INSERT INTO dream_changes (workspace, dream, place, action, conclusion, successor, line, reason, source_ids, changed_at,
       was_at, is_at)
SELECT %(workspace)s, %(dream)s, %(earlier)s + n.place, n.action, n.conclusion, n.successor, n.line, n.reason,
       string_to_array(n.source_ids, ','), %(now)s, n.was_at, n.is_at
  FROM unnest(%(actions)s::text[], %(conclusions)s::text[], %(successors)s::text[], %(lines)s::text[],
              %(reasons)s::text[], %(source_ids)s::text[], %(was_at)s::int[], %(is_at)s::int[])
       WITH ORDINALITY AS n (action, conclusion, successor, line, reason, source_ids, was_at, is_at, place)
 ORDER BY n.place
"""
EARLIER: LiteralString = """
SELECT coalesce(max(place), 0) FROM dream_changes WHERE workspace = %(workspace)s AND dream = %(dream)s
"""
NOTE_FORMER: LiteralString = """
INSERT INTO dream_formers (workspace, dream, place, conclusion, times_derived, occurred_at, source_ids, message_ids,
       premises)
VALUES (%(workspace)s, %(dream)s, %(place)s, %(conclusion)s, %(times_derived)s, %(occurred_at)s, %(source_ids)s,
        %(message_ids)s, %(premises)s)
"""


def note(conn: Connection, dream: Dream, changes: Sequence[Change], *, now: datetime) -> None:
    """Record what the dream did, after what it did before. Whoever calls holds the unit of the dream."""
    if not changes:
        return
    key: dict[str, object] = {"workspace": dream.collection.workspace, "dream": dream.id}
    row = conn.execute(EARLIER, key).fetchone()
    earlier = int(row[0]) if row else 0
    conn.execute(
        NOTE,
        {
            **key,
            "now": now,
            "earlier": earlier,
            "actions": [change.action for change in changes],
            "conclusions": [change.conclusion for change in changes],
            "successors": [change.successor for change in changes],
            "lines": [change.line for change in changes],
            "reasons": [change.reason for change in changes],
            # Arrays of arrays must be rectangular in SQL; ids hold no comma.
            "source_ids": [",".join(change.source_ids) for change in changes],
            "was_at": [change.was_at for change in changes],
            "is_at": [change.is_at for change in changes],
        },
    )
    for place, change in enumerate(changes, earlier + 1):
        if change.former is not None:
            former = {"place": place, "conclusion": change.conclusion, **_columns(change.former)}
            conn.execute(NOTE_FORMER, {**key, **former})


def _columns(former: Former) -> dict[str, object]:
    return {
        "times_derived": former.times_derived,
        "occurred_at": former.occurred_at,
        "source_ids": list(former.source_ids),
        "message_ids": list(former.message_ids),
        "premises": list(former.premises),
    }
