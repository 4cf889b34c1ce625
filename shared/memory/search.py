"""Searching messages: by their words and by their meaning at once."""

from collections.abc import Sequence

from shared.backends import Backends
from shared.domain import relevance
from shared.domain.errors import IndexUnavailable, ModelRefused, ModelUnavailable
from shared.domain.message import Message
from shared.domain.relevance import Question
from shared.store import message_search
from shared.store.conditions import Condition
from shared.store.database import Connection
from shared.store.message_search import Area
from shared.telemetry.logs import logger

# Either list is much longer than the answer: what one ranks low the other may rank high, and what is missing from a
# list counts as if it were the worst of it. From 160 on nothing more is found (`bench recall`).
_LISTED_PER_RESULT = 4
_LEAST_LISTED = 160
# The index of vectors does not know the filter, so what it finds must outlast it.
_LISTED_UNDER_FILTER = 1000
# A message that says an address or a path letter by letter is what was asked for.
_SAID_LITERALLY = 1.0


def search(
    backends: Backends,
    *,
    workspace: str,
    query: str,
    limit: int,
    where: Condition | None = None,
    sessions: Sequence[str] | None = None,
    peer: str | None = None,
) -> list[Message]:
    """The `limit` messages that answer `query` best, best first; the newest ones for an empty query.

    `where` is over alias `m` of table messages; `sessions` None does not restrict, an empty list matches
    nothing. Without embeddings (switched off, or the model or the index away) the words alone decide.
    """
    asked = query.strip()
    area = Area(workspace, None if sessions is None else tuple(sessions), peer, where)
    if limit <= 0 or area.sessions == ():
        return []
    if not asked:
        with backends.db.reading() as conn:
            return message_search.newest(conn, area, limit=limit)
    listed = max(_LEAST_LISTED, _LISTED_PER_RESULT * limit)
    distances = _by_meaning(backends, area, asked, listed)
    with backends.db.reading() as conn:
        total = _scores(conn, area, asked, distances, listed)
        messages = _best_rows(conn, area, total, listed, limit)
    return _best(asked, messages, total, limit)


def _by_meaning(backends: Backends, area: Area, query: str, listed: int) -> dict[str, float]:
    """Distances by message id; nothing where meaning cannot be told."""
    if not backends.settings.app.embed_messages:
        return {}
    k = listed if area.where is None else _LISTED_UNDER_FILTER
    try:
        (vector,) = backends.models.embedder().embed([query])
        hits = backends.vectors.nearest_messages(area.workspace, vector, k=k, sessions=area.sessions, peer=area.peer)
    except (ModelUnavailable, ModelRefused, IndexUnavailable) as error:
        logger.warning("search_by_words_only", workspace=area.workspace, reason=type(error).__name__)
        return {}
    return {hit.id: hit.distance for hit in hits}


def _scores(conn: Connection, area: Area, query: str, distances: dict[str, float], listed: int) -> dict[str, float]:
    """What each message that was found in any way is worth, by id."""
    question = message_search.question(conn, area.workspace, query)
    words = message_search.by_words_waiting(conn, area, question, limit=listed)
    words |= message_search.by_words(conn, area, question, limit=listed)
    total = relevance.fused(words, distances)
    for found in _literally(conn, area, query, question, listed, is_found=bool(words)):
        total[found] = total.get(found, 0.0) + _SAID_LITERALLY
    return total


def _literally(
    conn: Connection, area: Area, query: str, question: Question, listed: int, *, is_found: bool
) -> list[str]:
    """Ids of messages that say `query` letter by letter, where that may be what it asks for."""
    if is_found and not relevance.is_literal(query):
        return []
    found = message_search.literally(conn, area, question, query, limit=listed)
    if found or (is_found and " " in query):
        return found
    # Only here can a part of a word be found: the index holds whole ones.
    return message_search.literally_among_newest(conn, area, query, limit=listed)


def _best_rows(conn: Connection, area: Area, total: dict[str, float], listed: int, limit: int) -> list[Message]:
    """The messages of the best scores. Some may be gone, or fail a filter that their vectors do not know."""
    ranked = sorted(total, key=total.__getitem__, reverse=True)
    rows: list[Message] = []
    for start in range(0, len(ranked), listed):
        rows += message_search.within(conn, area, ranked[start : start + listed])
        if len(rows) >= limit:
            break
    return rows


def _best(query: str, messages: list[Message], total: dict[str, float], limit: int) -> list[Message]:
    """By score, and the newer of two equals first."""
    marked = relevance.needles(query)

    def worth(message: Message) -> tuple[float, float, int]:
        score = total[message.id] + relevance.agreement(query, message.content, marked)
        return (score, message.created_at.timestamp(), message.seq)

    return sorted(messages, key=worth, reverse=True)[:limit]
