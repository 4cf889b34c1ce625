"""Summaries: one short and one long per session, each replaced only by one that covers more."""

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import RowMaker

from shared.domain.summary import Summary, SummaryKind
from shared.domain.usage import ModelCall
from shared.store import calls
from shared.store.database import Connection
from shared.telemetry.tracing import trace_id


def summary_row(_: Cursor[Any]) -> RowMaker[Summary]:
    return lambda values: Summary(*values)


BOTH: LiteralString = """
SELECT kind, content, message_id, covered_seq, token_count, created_at
  FROM summaries
 WHERE workspace = %(workspace)s AND session = %(session)s
"""


def both(conn: Connection, workspace: str, session: str) -> dict[SummaryKind, Summary]:
    """The session's summaries that exist, by kind."""
    with conn.cursor(row_factory=summary_row) as cursor:
        found = cursor.execute(BOTH, {"workspace": workspace, "session": session}).fetchall()
    return {summary.kind: summary for summary in found}


PUT: LiteralString = f"""
WITH {calls.NOTED}
INSERT INTO summaries AS s (workspace, session, kind, content, message_id, covered_seq, token_count, created_at,
       trace_id)
VALUES (%(workspace)s, %(session)s, %(kind)s, %(content)s, %(message_id)s, %(covered_seq)s, %(token_count)s,
        %(created_at)s, %(trace_id)s)
    ON CONFLICT (workspace, session, kind) DO UPDATE
   SET content = EXCLUDED.content, message_id = EXCLUDED.message_id, covered_seq = EXCLUDED.covered_seq,
       token_count = EXCLUDED.token_count, created_at = EXCLUDED.created_at,
       trace_id = EXCLUDED.trace_id
 WHERE s.covered_seq < EXCLUDED.covered_seq
"""


def put(conn: Connection, workspace: str, session: str, summary: Summary, made: Sequence[ModelCall] = ()) -> None:
    """Store the summary unless one that covers as much is there; notes the calls of models that it took."""
    conn.execute(
        PUT,
        {
            "workspace": workspace,
            "session": session,
            "kind": summary.kind,
            "content": summary.content,
            "message_id": summary.message_id,
            "covered_seq": summary.covered_seq,
            "token_count": summary.token_count,
            "created_at": summary.created_at,
            "calls": calls.given(made),
            "trace_id": trace_id(),
        },
    )
