"""Writing a talk straight into the tables, as the API and its workers would have left them, only faster."""

import struct
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from typing import Any, Final, LiteralString, TypeAlias, TypeVar

import psycopg
from psycopg import Cursor, sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from infra.tools.crowd.meaning import Meaning
from infra.tools.crowd.talk import GUIDE, Line, Session, Talk
from shared.domain.ids import new_id
from shared.domain.vector import EmbeddingSpace
from shared.domain.work import TaskKind, WorkUnit
from shared.llm import tokens
from shared.store import message_index
from shared.store.database import Connection
from shared.vectors.spaces import GRAPH_FROM_ROWS, table_names

T = TypeVar("T")
# A message, its id, and its tokens.
Said: TypeAlias = tuple[Session, Line, str, int]

_BATCH: Final = 100
# The head and the end of a file of COPY's binary format: https://www.postgresql.org/docs/current/sql-copy.html
_HEAD, _END = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0), struct.pack(">h", -1)
_BUILD_MEMORY: Final = "2GB"

_THERE: LiteralString = "SELECT 1 FROM sessions WHERE workspace = %(workspace)s AND name = %(session)s"
_WORKSPACES: LiteralString = "INSERT INTO workspaces (name, uid) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_PEERS: LiteralString = "INSERT INTO peers (workspace, name, uid) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_SESSIONS: LiteralString = "COPY sessions (workspace, name, uid, last_seq, created_at) FROM STDIN"
_MEMBERS: LiteralString = "COPY members (workspace, session, peer, joined_at) FROM STDIN"
_MESSAGES: LiteralString = """
COPY messages (workspace, session, seq, id, peer, content, token_count, metadata, is_reasoned, created_at) FROM STDIN
"""
_UNITS: LiteralString = (
    "COPY work_units (workspace, unit, kind, session, observed, wake_no, sent_at, done_items) FROM STDIN"
)
_ITEMS: LiteralString = """
COPY work_items (workspace, unit, seq, first_seq, message_id, tokens, observers, state, attempts, created_at,
                 finished_at)
FROM STDIN
"""
_WINDOWS: LiteralString = """
COPY work_windows (workspace, unit, first_seq, last_seq, items, token, model, input_tokens, output_tokens, conclusions,
                   committed_at)
FROM STDIN
"""
# As its revision makes it.
_WORDS_INDEX: LiteralString = (
    "CREATE INDEX message_search_document ON message_search USING gin (document) WITH (gin_pending_list_limit = 256)"
)
_VECTORS: LiteralString = """
COPY {table} (workspace, message_id, piece, session, peer, vector) FROM STDIN (FORMAT binary)
"""


def fill(
    conn: Connection,
    talk: Talk,
    meaning: Meaning,
    space: EmbeddingSpace,
    show: Callable[[int], None],
    *,
    sessions_at_a_time: int = 50,
) -> None:
    """Write what is not there yet, as the owner of the tables. `show` hears how many messages there are.

    So many sessions are one transaction, after the last of which a run that was broken off, or a longer one, goes on.
    """
    *_, last = talk.sessions()
    if _is_there(conn, last):
        return
    with _unindexed(conn, space):
        done = 0
        for some in _some(talk.sessions(), sessions_at_a_time):
            missing = [(session, talk.lines(session)) for session in some if not _is_there(conn, session)]
            if missing:
                with conn.transaction():
                    _write(conn, missing, meaning, space)
            done += sum(session.taken for session in some)
            if missing:
                show(done)


def build_graphs(conn: Connection) -> float:
    """Build the graphs over vectors as `tick` would; gives the seconds. With the memory that a large one takes."""
    begun = time.monotonic()
    memory = "ALTER FUNCTION build_vector_graphs SET maintenance_work_mem = {}"
    with conn.transaction():
        conn.execute(sql.SQL(memory).format(sql.Literal(_BUILD_MEMORY)))
        conn.execute("SELECT build_vector_graphs(%s)", (GRAPH_FROM_ROWS,))
        conn.execute(sql.SQL(memory).format(sql.Literal("256MB")))
    return time.monotonic() - begun


@contextmanager
def _unindexed(conn: Connection, space: EmbeddingSpace) -> Generator[None]:
    """Without the two indexes that are far quicker built than kept; the one over words is back afterwards."""
    conn.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier(table_names(space).messages + "_nearest")))
    conn.execute("DROP INDEX IF EXISTS message_search_document")
    try:
        yield
    finally:
        conn.execute(sql.SQL("SET maintenance_work_mem = {}").format(sql.Literal(_BUILD_MEMORY)))
        conn.execute(_WORDS_INDEX)
        conn.execute("VACUUM ANALYZE")


def _is_there(conn: Connection, session: Session) -> bool:
    return conn.execute(_THERE, {"workspace": session.workspace, "session": session.name}).fetchone() is not None


def _write(
    conn: Connection, told: Sequence[tuple[Session, list[Line]]], meaning: Meaning, space: EmbeddingSpace
) -> None:
    places = sorted({session.workspace for session, _ in told})
    people = sorted({(session.workspace, peer) for session, _ in told for peer in (GUIDE, session.person)})
    with conn.cursor() as cursor:
        cursor.executemany(_WORKSPACES, [(place, new_id()) for place in places])
        cursor.executemany(_PEERS, [(place, peer, new_id()) for place, peer in people])
        _copy(cursor, _SESSIONS, ((s.workspace, s.name, new_id(), s.taken, lines[0].at) for s, lines in told))
        _copy(cursor, _MEMBERS, ((s.workspace, s.name, p, t[0].at) for s, t in told for p in (GUIDE, s.person)))
        said = [(session, line, new_id(), tokens.count(line.text)) for session, lines in told for line in lines]
        _copy(cursor, _MESSAGES, (_message(*one) for one in said))
        _copy(cursor, _UNITS, (_unit(session, lines) for session, lines in told))
        requests = list(_requests(said))
        _copy(cursor, _ITEMS, (_item(batch) for batch in requests))
        _copy(cursor, _WINDOWS, (_window(batch, space.model) for batch in requests))
        for session, _ in told:
            message_index.index(conn, session.workspace, session.name, 1, session.taken)
        _copy_vectors(cursor, said, meaning, space)


def _some(whole: Iterable[T], most: int) -> Iterator[list[T]]:
    left = iter(whole)
    while some := list(islice(left, most)):
        yield some


def _copy(cursor: Cursor[TupleRow], statement: LiteralString, rows: Iterable[Sequence[Any]]) -> None:
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _message(session: Session, line: Line, message_id: str, size: int) -> Sequence[Any]:
    metadata = Jsonb(line.metadata)
    head = (session.workspace, session.name, line.seq, message_id, line.peer)
    return (*head, line.text, size, metadata, False, line.at)


def _requests(said: Sequence[Said]) -> Iterator[list[Said]]:
    """What came in one request: at most so many messages of one session."""
    batch: list[Said] = []
    for one in said:
        if batch and (batch[0][0] != one[0] or len(batch) == _BATCH):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _key(session: Session) -> str:
    return WorkUnit(session.workspace, TaskKind.INDEX, session.name).key


def _unit(session: Session, lines: Sequence[Line]) -> Sequence[Any]:
    requests = -(-len(lines) // _BATCH)
    return session.workspace, _key(session), TaskKind.INDEX, session.name, "", requests, lines[-1].at, requests


def _item(batch: Sequence[Said]) -> Sequence[Any]:
    (session, first, *_), (_, last, message_id, _) = batch[0], batch[-1]
    size, done = sum(one[3] for one in batch), last.at + timedelta(seconds=2)
    head = (session.workspace, _key(session), last.seq, first.seq, message_id, size)
    return (*head, list[str](), "finished", 1, last.at, done)


def _window(batch: Sequence[Said], model: str) -> Sequence[Any]:
    session, last = batch[0][0], batch[-1][1]
    done = last.at + timedelta(seconds=2)
    return session.workspace, _key(session), last.seq, last.seq, 1, new_id(), model, 0, 0, 0, done


def _copy_vectors(cursor: Cursor[TupleRow], said: Sequence[Said], meaning: Meaning, space: EmbeddingSpace) -> None:
    names = table_names(space)
    statement = sql.SQL(_VECTORS).format(table=sql.Identifier(names.messages))
    head, number = struct.pack(">HH", space.dimensions, 0), ">f2" if names.has_signs else ">f4"
    with cursor.copy(statement) as copy:
        copy.write(_HEAD)
        for some in _some(said, 1000):
            # The binary form of both vector types, as `packing` makes it, a thousand at a time.
            vectors = meaning.of([line.text for _, line, _, _ in some]).astype(number)
            for (session, line, message_id, _), vector in zip(some, vectors, strict=True):
                held = head + vector.tobytes()
                texts = (session.workspace, message_id, None, session.name, line.peer)
                fields = [struct.pack(">i", 0) if text is None else text.encode() for text in texts]
                copy.write(struct.pack(">h", 6) + b"".join(struct.pack(">i", len(f)) + f for f in (*fields, held)))
        copy.write(_END)


def size_of(conn: psycopg.Connection[TupleRow]) -> int:
    """The bytes of the whole database."""
    row = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0
