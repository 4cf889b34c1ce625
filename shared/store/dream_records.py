"""Dreams to be shown: which there were, and what each of them changed."""

from typing import Any, LiteralString

from psycopg import Cursor, sql
from psycopg.rows import RowMaker

from shared.domain.dream import Change, ChangeRecord, DreamRecord
from shared.domain.page import Page, PageRequest
from shared.store.conditions import Condition
from shared.store.database import Connection
from shared.store.pages import select_page

_RECORD: LiteralString = """
d.workspace, d.id, d.observer, d.observed, d.kind, d.cause, d.session,
CASE WHEN d.undone_at IS NOT NULL THEN 'undone'
     WHEN d.finished_at IS NOT NULL THEN 'finished'
     ELSE coalesce((SELECT CASE WHEN i.state = 'parked' THEN 'parked'
                                WHEN i.state = 'pending' AND d.begun_at IS NOT NULL THEN 'running'
                                WHEN i.state = 'pending' THEN 'pending' END
                      FROM work_items AS i
                     WHERE i.workspace = d.workspace AND i.unit = 'dream::' || d.observer || ':' || d.observed
                       AND i.seq = d.number), 'dropped') END,
d.phase, d.input_tokens, d.output_tokens, d.requested_at, d.begun_at, d.finished_at,
d.undone_at,
(SELECT coalesce(jsonb_object_agg(h.action, h.times), '{}')
   FROM (SELECT c.action, count(*) AS times FROM dream_changes AS c
          WHERE c.workspace = d.workspace AND c.dream = d.id AND c.action NOT IN ('card_made', 'line_kept')
          GROUP BY c.action) AS h)
"""


def record_row(_: Cursor[Any]) -> RowMaker[DreamRecord]:
    return lambda values: DreamRecord(*values)


def page(conn: Connection, workspace: str, request: PageRequest) -> Page[DreamRecord]:
    """One page of the workspace's dreams, the newest first."""
    where = Condition(sql.SQL("d.workspace = %(in_workspace)s"), {"in_workspace": workspace})
    order: dict[LiteralString, bool] = {"d.requested_at": False, "d.id": True}
    return select_page(conn, _RECORD, "dreams AS d", where, order, request, record_row)


GET: LiteralString = f"SELECT {_RECORD} FROM dreams AS d WHERE d.workspace = %(workspace)s AND d.id = %(id)s"


def get(conn: Connection, workspace: str, dream_id: str) -> DreamRecord | None:
    with conn.cursor(row_factory=record_row) as cursor:
        return cursor.execute(GET, {"workspace": workspace, "id": dream_id}).fetchone()


# What this dream or its undoing took away is shown; what somebody took away later, or before, is not.
CHANGES: LiteralString = """
SELECT h.action, h.conclusion, h.successor, h.line, h.reason, h.source_ids,
       CASE WHEN c.deleted_at IS NULL OR c.deleted_at IN (h.changed_at, d.undone_at) THEN c.content END, h.changed_at,
       h.is_undone
  FROM dream_changes AS h
  JOIN dreams AS d ON d.workspace = h.workspace AND d.id = h.dream
  LEFT JOIN conclusions AS c ON c.workspace = h.workspace AND c.id = h.conclusion
 WHERE h.workspace = %(workspace)s AND h.dream = %(id)s AND h.action NOT IN ('card_made', 'line_kept')
 ORDER BY h.place
"""


def change_row(_: Cursor[Any]) -> RowMaker[ChangeRecord]:
    def make(values: Any) -> ChangeRecord:
        action, conclusion, successor, line, reason, source_ids, content, changed_at, is_undone = values
        change = Change(action, conclusion, successor, line, reason, tuple(source_ids))
        return ChangeRecord(change, content, changed_at, is_undone)

    return make


def changes(conn: Connection, workspace: str, dream_id: str) -> list[ChangeRecord]:
    """What the dream changed, in the order it did."""
    with conn.cursor(row_factory=change_row) as cursor:
        return cursor.execute(CHANGES, {"workspace": workspace, "id": dream_id}).fetchall()
