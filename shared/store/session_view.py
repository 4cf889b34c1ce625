"""What a session's context begins with, in one statement: who looks, their card, the summaries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from shared.domain.conclusion import Collection
from shared.domain.peer import Peer
from shared.domain.summary import Summary, SummaryKind
from shared.store.database import Connection
from shared.store.rows import PEER


@dataclass(frozen=True, slots=True)
class SessionView:
    """`observer` is None when there is none of that name, `card` when none was ever written."""

    observer: Peer | None
    card: tuple[str, ...] | None
    summaries: dict[SummaryKind, Summary]


_PEER: LiteralString = "p." + PEER.replace(", ", ", p.")
_PEER_COLUMNS = 1 + PEER.count(",")
# Summaries of a session that is being deleted are gone already; its messages are served to the end.
LOOK: LiteralString = f"""
SELECT {_PEER}, c.entries, s.kind, s.content, s.message_id, s.covered_seq, s.token_count, s.created_at
  FROM (VALUES (true)) AS one
  LEFT JOIN peers AS p ON p.workspace = %(workspace)s AND p.name = %(observer)s
  LEFT JOIN peer_cards AS c
         ON c.workspace = %(workspace)s AND c.observer = %(observer)s AND c.observed = %(observed)s
  LEFT JOIN (summaries AS s JOIN sessions AS t ON t.workspace = s.workspace AND t.name = s.session AND t.is_active)
         ON s.workspace = %(workspace)s AND s.session = %(session)s
"""


def look(conn: Connection, workspace: str, session: str, collection: Collection | None) -> SessionView:
    """The view of the session for `collection`; without one only its summaries."""
    given = {
        "workspace": workspace,
        "session": session,
        "observer": collection and collection.observer,
        "observed": collection and collection.observed,
    }
    rows: Sequence[Sequence[Any]] = conn.execute(LOOK, given).fetchall()
    # One row for each summary, and one if there is none.
    first = rows[0]
    peer, card = first[:_PEER_COLUMNS], first[_PEER_COLUMNS]
    stored = [Summary(*row[_PEER_COLUMNS + 1 :]) for row in rows if row[_PEER_COLUMNS + 1] is not None]
    return SessionView(
        observer=None if peer[0] is None else Peer(*peer),
        card=None if card is None else tuple(card),
        summaries={summary.kind: summary for summary in stored},
    )
