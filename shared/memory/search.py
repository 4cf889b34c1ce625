"""Searching messages: by their words and by their meaning at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest
from operator import itemgetter

from shared.backends import Backends
from shared.domain import degraded, relevance
from shared.domain.errors import BudgetExhausted, IndexUnavailable, ModelRefused, ModelUnavailable
from shared.domain.message import Message
from shared.domain.period import Period
from shared.memory import meaning
from shared.memory.gather import gather
from shared.memory.metering import metered
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
_READ_FROM = 3
# As many messages as meet a filter are measured themselves. Where more do, the index of vectors, which does not know
# the filter, is asked for so many that some will meet it; where too few do, the newest that meet it are measured.
_MEASURED_UNDER_FILTER = 2000
_LISTED_UNDER_FILTER = 1000


@dataclass(frozen=True, slots=True)
class _Near:
    """Distances by message id, and the newest messages that meet the filter; None without one."""

    distances: Mapping[str, float]
    meeting: Sequence[str] | None = None

    @property
    def is_measured(self) -> bool:
        """Whether all that meet the filter were measured."""
        return self.meeting is None or len(self.meeting) <= _MEASURED_UNDER_FILTER


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
    nothing. Without embeddings (switched off, or the model or the index away) the words alone decide; what is
    away is noted.
    """
    asked = query.strip()
    area = Area(workspace, None if sessions is None else tuple(sessions), peer, where)
    if limit <= 0 or area.sessions == ():
        return []
    if not asked:
        with backends.db.reading() as conn:
            return message_search.newest(conn, area, limit=limit)
    with metered(backends, workspace) as own:
        return _found(own, area, asked, limit)


def _found(backends: Backends, area: Area, asked: str, limit: int) -> list[Message]:
    most = max(_LEAST_READ, _LISTED_PER_RESULT * limit)
    listed = max(_LEAST_LISTED, most)
    # Words need not wait for the model that embeds the query.
    near, saying = gather(
        lambda: _by_meaning(backends, area, asked, listed), lambda: _by_words(backends, area, asked, listed)
    )
    found = _read(backends, area, near.distances, saying, most)
    if len(found) < limit and not near.is_measured:
        # Many were nearer that do not meet the filter.
        distances = _nearest(backends, area, asked, listed, among=near.meeting)
        found = _read(backends, area, distances, saying, most)
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


def _by_words(backends: Backends, area: Area, query: str, listed: int) -> dict[str, float]:
    wish = Wish(query, relevance.is_literal(query), relevance.WORDS_SHARE)
    with backends.db.reading() as conn:
        question = message_search.question(conn, area.workspace, query)
        return message_ranking.saying(conn, area, question, wish, listed=listed)


def _by_meaning(backends: Backends, area: Area, query: str, listed: int) -> _Near:
    if not backends.settings.app.embed_messages:
        return _Near({})
    if area.where is None:
        return _Near(_nearest(backends, area, query, listed))
    with backends.db.reading() as conn:
        near = _Near({}, message_search.newest_ids(conn, area, limit=_MEASURED_UNDER_FILTER + 1))
    among, k = (near.meeting, listed) if near.is_measured else (None, _LISTED_UNDER_FILTER)
    return replace(near, distances=_nearest(backends, area, query, k, among=among))


def _nearest(
    backends: Backends, area: Area, query: str, k: int, *, among: Sequence[str] | None = None
) -> dict[str, float]:
    """Distances by message id; nothing where meaning cannot be told."""
    if among is not None and not among:
        return {}
    try:
        (vector,) = meaning.embed(backends, area.workspace, [query])
        hits = backends.vectors.nearest_messages(
            area.workspace, vector, k=k, sessions=area.sessions, peer=area.peer, among=among
        )
    except (ModelUnavailable, ModelRefused, BudgetExhausted, IndexUnavailable) as error:
        logger.warning("search_by_words_only", workspace=area.workspace, reason=type(error).__name__)
        degraded.note(error)
        return {}
    return {hit.id: hit.distance for hit in hits}


def _read(
    backends: Backends, area: Area, distances: Mapping[str, float], saying: Mapping[str, float], most: int
) -> list[tuple[Message, float]]:
    worth = {**saying}
    for message_id, value in relevance.meaning(distances).items():
        worth[message_id] = worth.get(message_id, 0.0) + value
    if area.where is None:
        # Hardly any of these is gone or outside the area, so no more need be sent along: ids have their price, too.
        worth = dict(nlargest(_READ_FROM * most, worth.items(), key=itemgetter(1)))
    with backends.tab.riding() as made, backends.db.reading() as conn:
        return message_ranking.best(conn, area, worth, made, most=most)


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
