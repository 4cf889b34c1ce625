"""Rows to domain values: one tuple of columns and one maker per noun."""

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import Cursor
from psycopg.rows import RowMaker

from shared.domain.conclusion import Conclusion
from shared.domain.message import Message
from shared.domain.peer import Peer
from shared.domain.quotes import Quote
from shared.domain.session import Session
from shared.domain.work import WorkItem
from shared.domain.workspace import Workspace

WORKSPACE: LiteralString = "name, uid, metadata, configuration, created_at"
PEER: LiteralString = "workspace, name, uid, metadata, configuration, created_at, is_active"
SESSION: LiteralString = "workspace, name, uid, is_active, metadata, configuration, created_at"
MESSAGE: LiteralString = "id, workspace, session, peer, seq, content, token_count, metadata, created_at"
CONCLUSION: LiteralString = (
    "id, workspace, observer, observed, session, level, content, times_derived,"
    " source_ids, message_ids, premises, occurred_at, created_at, event_at, quotes, quote_state, trace_id"
)
_FIRST_ARRAY, _AFTER_ARRAYS, _QUOTES = 8, 11, 14
WORK_ITEM: LiteralString = (
    "seq, first_seq, message_id, tokens, observers, custom_instructions, created_at, attempts, traceparent"
)


def workspace_row(_: Cursor[Any]) -> RowMaker[Workspace]:
    return lambda values: Workspace(*values)


def peer_row(_: Cursor[Any]) -> RowMaker[Peer]:
    return lambda values: Peer(*values)


def session_row(_: Cursor[Any]) -> RowMaker[Session]:
    return lambda values: Session(*values)


def message_row(_: Cursor[Any]) -> RowMaker[Message]:
    return lambda values: Message(*values)


def conclusion_row(_: Cursor[Any]) -> RowMaker[Conclusion]:
    def make(values: Sequence[Any]) -> Conclusion:
        row = list(values)
        # Arrays come as lists; frozen values hold tuples.
        row[_FIRST_ARRAY:_AFTER_ARRAYS] = map(tuple, row[_FIRST_ARRAY:_AFTER_ARRAYS])
        row[_QUOTES] = tuple(Quote(**quote) for quote in row[_QUOTES])
        return Conclusion(*row)

    return make


def work_item_row(_: Cursor[Any]) -> RowMaker[WorkItem]:
    def make(values: Sequence[Any]) -> WorkItem:
        seq, first_seq, message_id, tokens, observers, *rest = values
        return WorkItem(seq, first_seq, message_id, tokens, tuple(observers), *rest)

    return make
