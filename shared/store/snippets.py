"""Messages around places of a conversation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

from shared.domain.message import Message
from shared.store.database import Connection
from shared.store.rows import MESSAGE, message_row


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive places of a session, `first` and `last` included."""

    session: str
    first: int
    last: int


# The workspace and the session are equalities and the places a range: each stretch is one scan of the primary key.
READ: LiteralString = f"""
SELECT {MESSAGE}
  FROM unnest(%(sessions)s::text[], %(firsts)s::bigint[], %(lasts)s::bigint[]) WITH ORDINALITY
       AS s (stretch_session, first, last, place)
  JOIN messages ON workspace = %(workspace)s AND session = s.stretch_session AND seq BETWEEN s.first AND s.last
 ORDER BY s.place, seq
"""


def read(conn: Connection, workspace: str, stretches: Sequence[Stretch]) -> list[list[Message]]:
    """The messages of each of `stretches`, in order; the stretches must not overlap."""
    values = {
        "workspace": workspace,
        "sessions": [stretch.session for stretch in stretches],
        "firsts": [stretch.first for stretch in stretches],
        "lasts": [stretch.last for stretch in stretches],
    }
    with conn.cursor(row_factory=message_row) as cursor:
        found = cursor.execute(READ, values).fetchall()
    return [[message for message in found if _is_in(message, stretch)] for stretch in stretches]


def _is_in(message: Message, stretch: Stretch) -> bool:
    return message.session == stretch.session and stretch.first <= message.seq <= stretch.last
