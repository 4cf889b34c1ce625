"""Workplaces whose vectors are in Turbopuffer, or on the way there."""

from dataclasses import replace

from shared.domain.vector import Vector
from shared.memory import conclude
from shared.store import conclusions
from shared.store.conclusions import NewConclusion
from shared.vectors import spaces
from shared.vectors.dual import DualIndex
from shared.vectors.external import ExternalIndex
from shared.vectors.turbopuffer import TurbopufferShelf
from tests.support.backends import THEN
from tests.support.turbopuffer_server import KEY, TurbopufferServer
from tests.support.workplace import Workplace


def external(place: Workplace, server: TurbopufferServer) -> ExternalIndex:
    """An index in `server`, in the space of the place's own."""
    space = place.embedder.space
    shelf = TurbopufferShelf(KEY, None, server.url)

    def keys() -> list[str]:
        with place.backends.db.reading() as conn:
            return spaces.keys(conn)

    return ExternalIndex(shelf, "tests", lambda: space, keys)


def migrated(place: Workplace, server: TurbopufferServer) -> Workplace:
    """The same place with all vectors in `server`."""
    return replace(place, backends=replace(place.backends, vectors=external(place, server)))


def dual(place: Workplace, server: TurbopufferServer) -> Workplace:
    """The same place with vectors in Postgres and in `server`."""
    both = DualIndex(place.backends.vectors, external(place, server))
    return replace(place, backends=replace(place.backends, vectors=both))


def saves(place: Workplace, *contents: str, session: str | None = "s", is_indexed: bool = True) -> list[str]:
    """Conclusions about ada; ids and contents are the same, so that each names its vector."""
    new = [
        NewConclusion(one, "ada", "ada", session, "explicit", one, f"{place.workspace}{one}", True, (), (), (), THEN)
        for one in contents
    ]
    with place.backends.db.transaction() as conn:
        saved = conclusions.save(conn, place.workspace, new, place.clock.now())
    if is_indexed:
        conclude.index(place.backends, saved, vectors_of(place, *contents))
    return [one.id for one in saved]


def vectors_of(place: Workplace, *texts: str) -> dict[str, Vector]:
    """What the place's embedder makes of `texts`, without its noticing."""
    vectors = dict(zip(texts, place.embedder.embed(texts), strict=True))
    place.embedder.asked.clear()
    return vectors


def traces(server: TurbopufferServer, *words: str) -> list[str]:
    """Ids of the documents in `server` that say any of `words`, in whatever attribute."""
    return sorted(key for key, one in server.documents().items() if any(word in str(one) for word in words))
