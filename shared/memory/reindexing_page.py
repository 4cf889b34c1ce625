"""One page of rows brought into another embedding space, safe beside whoever writes or deletes them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from shared.backends import Backends
from shared.domain.errors import ModelRefused
from shared.domain.vector import EmbeddingSpace, MessageVector, Vector
from shared.llm.failures import Objection
from shared.memory import meaning
from shared.memory.indexing import pieces_of
from shared.memory.vector_upkeep import records_of
from shared.store import conclusions, messages, space_choices, vector_rows
from shared.store.space_choices import Filling
from shared.telemetry.logs import logger

# As many texts are embedded at once.
_AT_ONCE: Final = 200
_LISTED_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Where the next one begins, what was brought, and how many texts the model refused."""

    filling: Filling
    made: int = 0
    refused: int = 0
    conclusions: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


def conclusions_page(backends: Backends, workspace: str, space: EmbeddingSpace, filling: Filling) -> Page | None:
    """The next page of conclusions; None when there are no more."""
    db, index = backends.db, backends.vectors.at(space)
    with db.reading() as conn:
        ids = list(vector_rows.conclusions_after(conn, workspace, filling.conclusions_until, most=_AT_ONCE))
    if not ids:
        return None
    held = index.held_conclusions(workspace, ids)
    with db.reading() as conn:
        found = conclusions.by_ids(conn, workspace, [one for one in ids if one not in held])
    vectors = _embedded(backends, workspace, space, [one.content for one in found.values()])
    records = records_of(
        found.values(), {one.id: vectors[one.content] for one in found.values() if one.content in vectors}
    )
    index.upsert_conclusions(records)
    filling = replace(filling, conclusions_until=ids[-1], filled=filling.filled + len(ids))
    return Page(filling, len(records), len(found) - len(records), conclusions=tuple(one.id for one in records))


def messages_page(backends: Backends, workspace: str, space: EmbeddingSpace, filling: Filling) -> Page | None:
    """The next page of messages; None when there are no more."""
    db, index = backends.db, backends.vectors.at(space)
    with db.reading() as conn:
        ids = vector_rows.messages_after(conn, workspace, filling.messages_until, most=_AT_ONCE)
    if not ids:
        return None
    held = index.held_messages(workspace, ids)
    with db.reading() as conn:
        found = vector_rows.messages_of(conn, workspace, [one for one in ids if one not in held])
    pieces = list(pieces_of(found, meaning.tokens_read(backends, space)))
    vectors = _embedded(backends, workspace, space, [text for _, _, text in pieces])
    records = [
        MessageVector(one.workspace, one.id, number, one.session, one.peer, vectors[text], text)
        for one, number, text in pieces
        if text in vectors
    ]
    index.upsert_messages(records)
    filling = replace(filling, messages_until=ids[-1], filled=filling.filled + len(ids))
    placed = tuple(sorted({one.message_id for one in records}))
    return Page(filling, len(records), len(pieces) - len(records), messages=placed)


def drop_gone(backends: Backends, workspace: str, page: Page) -> None:
    """Take out what was deleted while it was brought, by somebody who could not see these vectors yet.

    To be called when whatever was being deleted at the end of the page is deleted.
    """
    with backends.db.reading() as conn:
        known = conclusions.by_ids(conn, workspace, page.conclusions) if page.conclusions else {}
        said = messages.existing(conn, workspace, page.messages) if page.messages else set[str]()
    backends.vectors.delete_conclusions(workspace, [one for one in page.conclusions if one not in known])
    backends.vectors.delete_messages(workspace, [one for one in page.messages if one not in said])


def sweep(backends: Backends, workspace: str, space: EmbeddingSpace) -> None:
    """Take out of `space` what has no row: who was broken off may have brought it and not looked again."""
    index = backends.vectors.at(space)
    for listed, existing, delete in (
        (index.listed_conclusions, space_choices.conclusions_with_row, index.delete_conclusions),
        (index.listed_messages, messages.existing, index.delete_messages),
    ):
        after: str | None = ""
        while after is not None:
            listing = listed(workspace, after=after, most=_LISTED_AT_ONCE)
            with backends.db.reading() as conn:
                left = existing(conn, workspace, listing.ids)
            delete(workspace, [one for one in listing.ids if one not in left])
            after = listing.after


def _embedded(backends: Backends, workspace: str, space: EmbeddingSpace, texts: Sequence[str]) -> dict[str, Vector]:
    """Vectors by text; those that the model refuses by themselves are left out."""
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return {}
    try:
        return dict(zip(distinct, backends.models.embedder_in(space).embed(distinct), strict=True))
    except ModelRefused as error:
        # About key, model or dimensions, which the other texts would meet, too.
        if not isinstance(error, Objection):
            raise
        if len(distinct) == 1:
            logger.warning("text_refused_by_model", workspace=workspace, model=space.model)
            return {}
    middle = len(distinct) // 2
    halves = [_embedded(backends, workspace, space, half) for half in (distinct[:middle], distinct[middle:])]
    return halves[0] | halves[1]
