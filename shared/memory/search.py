"""Searching messages: by their words and by their meaning at once."""

from collections.abc import Mapping, Sequence

from shared.backends import Backends
from shared.domain import relevance
from shared.domain.errors import IndexUnavailable, ModelRefused, ModelUnavailable
from shared.domain.message import Message
from shared.domain.period import Period
from shared.domain.relevance import Question
from shared.store import message_ranking, message_search
from shared.store.conditions import Condition
from shared.store.message_ranking import Wish
from shared.store.message_search import Area
from shared.telemetry.logs import logger

# Either list is much longer than the answer: what one ranks low the other may rank high, and what is missing from a
# list counts as if it were the worst of it. From 160 on nothing more is found (`bench recall`).
_LISTED_PER_RESULT = 4
_LEAST_LISTED = 160
# Of these the best are read whole: what they say letter by letter may still change their order.
_LEAST_READ = 40
# The index of vectors does not know the filter, so what it finds must outlast it.
_LISTED_UNDER_FILTER = 1000
_MEASURED_UNDER_FILTER = 5000


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
    most = max(_LEAST_READ, _LISTED_PER_RESULT * limit)
    listed = max(_LEAST_LISTED, most)
    near = _by_meaning(backends, area, asked, listed)
    with backends.db.reading() as conn:
        question = message_search.question(conn, workspace, asked)
    found = _ranked(backends, area, asked, question, near, listed=listed, most=most)
    if len(found) < limit and area.where is not None and len(near) >= _LISTED_UNDER_FILTER // 2:
        # Many were nearer that do not meet the filter: those that do are measured themselves.
        with backends.db.reading() as conn:
            meeting = message_search.newest_ids(conn, area, limit=_MEASURED_UNDER_FILTER)
        near = _by_meaning(backends, area, asked, listed, among=meeting)
        found = _ranked(backends, area, asked, question, near, listed=listed, most=most)
    return _best(asked, found, limit)


def containing(
    backends: Backends, *, workspace: str, text: str, limit: int, sessions: Sequence[str] | None = None
) -> list[Message]:
    """The `limit` newest messages that hold `text` letter by letter but for case, newest first.

    Its words are looked up in the index; what no word of the index stands for, such as a part of one, is found
    among the 2,000 newest messages only. `sessions` as in `search`.
    """
    needle = text.strip()
    area = Area(workspace, None if sessions is None else tuple(sessions))
    if limit <= 0 or not needle or area.sessions == ():
        return []
    with backends.db.reading() as conn:
        asked = message_search.question(conn, workspace, needle)
        found = message_search.literally(conn, area, asked, needle, limit=limit)
        # Also what chores has not indexed yet.
        found += message_search.literally_among_newest(conn, area, needle, limit=limit)
        messages = message_search.within(conn, area, list(dict.fromkeys(found)))
    return sorted(messages, key=lambda message: (message.created_at, message.seq), reverse=True)[:limit]


def during(
    backends: Backends,
    *,
    workspace: str,
    period: Period,
    limit: int,
    sessions: Sequence[str] | None = None,
    is_newest_first: bool = True,
) -> list[Message]:
    """The `limit` newest or oldest messages of a time; `sessions` as in `search`."""
    area = Area(workspace, None if sessions is None else tuple(sessions), where=message_search.said_in(period))
    if limit <= 0 or area.sessions == ():
        return []
    read = message_search.newest if is_newest_first else message_search.oldest
    with backends.db.reading() as conn:
        return read(conn, area, limit=limit)


def _ranked(
    backends: Backends,
    area: Area,
    query: str,
    question: Question,
    near: Mapping[str, float],
    *,
    listed: int,
    most: int,
) -> list[tuple[Message, float]]:
    wish = Wish(query, relevance.is_literal(query), relevance.meaning(near), relevance.WORDS_SHARE)
    with backends.db.reading() as conn:
        return message_ranking.best(conn, area, question, wish, listed=listed, most=most)


def _by_meaning(
    backends: Backends, area: Area, query: str, listed: int, among: Sequence[str] | None = None
) -> dict[str, float]:
    """Distances by message id; nothing where meaning cannot be told."""
    if not backends.settings.app.embed_messages:
        return {}
    k = listed if area.where is None or among is not None else _LISTED_UNDER_FILTER
    try:
        (vector,) = backends.models.embedder().embed([query])
        hits = backends.vectors.nearest_messages(
            area.workspace, vector, k=k, sessions=area.sessions, peer=area.peer, among=among
        )
    except (ModelUnavailable, ModelRefused, IndexUnavailable) as error:
        logger.warning("search_by_words_only", workspace=area.workspace, reason=type(error).__name__)
        return {}
    return {hit.id: hit.distance for hit in hits}


def _best(query: str, found: list[tuple[Message, float]], limit: int) -> list[Message]:
    """By score, and the newer of two equals first."""
    marked = relevance.needles(query)

    def worth(one: tuple[Message, float]) -> tuple[float, float, int]:
        message, score = one
        return (
            score + relevance.agreement(query, message.content, marked),
            message.created_at.timestamp(),
            message.seq,
        )

    return [message for message, _ in sorted(found, key=worth, reverse=True)[:limit]]
