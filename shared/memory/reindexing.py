"""Changing a workspace's embedding model while it is in use.

begin    from now on both spaces are written
fill     what the rows say is brought into the second space, page by page; can be broken off and goes on
switch   the second space is read and the former one still written: until `leave`, `turn` leads back
leave    the second space is emptied
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

from shared.backends import Backends
from shared.domain.errors import Conflict, NotFound
from shared.domain.vector import EmbeddingSpace
from shared.memory.metering import INDEX, metered
from shared.memory.reindexing_page import Page, conclusions_page, drop_gone, messages_page, sweep
from shared.store import space_choices
from shared.store.known_spaces import BELIEVED_S
from shared.store.space_choices import Filling, SpaceChoice
from shared.telemetry.logs import logger
from shared.vectors.index import VectorIndex

_CLEARED_AT_ONCE: Final = 2000
# Whoever embedded a question before the last reader could learn of the switch has long been answered.
LEFT_AFTER_S: Final = BELIEVED_S + 60.0
# More passes than that mean that the second space cannot be written at all.
_MOST_PASSES: Final = 10


@dataclass(frozen=True, slots=True)
class Progress:
    """How far filling has come: rows passed of about `total`, vectors made, and texts that the model refuses.

    While it waits for something to be deleted there is no use in asking for the next step at once.
    """

    passed: int
    total: int
    made: int
    refused: int
    is_waiting: bool = False


def begin(backends: Backends, workspace: str, into: EmbeddingSpace) -> SpaceChoice | None:
    """Have `into`, whose tables are there, written besides the space that is read. What was begun goes on.

    None where `into` is read already. Raises `NotFound`, and `Conflict` where another change is under way.
    """
    before = choice_of(backends, workspace)
    usual = _usual(backends, workspace, into)
    if (before is None and usual == into) or (before is not None and before.read == into):
        return None
    begun = backends.db.run(lambda conn: space_choices.begin(conn, workspace, usual=usual, into=into))
    backends.spaces.forget()
    choice = begun or choice_of(backends, workspace)
    if choice is None:
        raise NotFound(f"workspace {workspace} not found")
    if choice.state != "filling" or choice.second != into:
        raise Conflict(f"{workspace} is changing its model already: --status shows it, --back or --drop ends it")
    return choice


def _usual(backends: Backends, workspace: str, into: EmbeddingSpace) -> EmbeddingSpace:
    """The space that a workspace without a choice is read in, or was before the settings were changed."""
    usual = backends.models.embedder().space
    if usual != into:
        return usual
    with backends.db.reading() as conn:
        others = [space for space in space_choices.spaces(conn) if space != into]
    return next((space for space in others if _holds_any(backends.vectors.at(space), workspace)), usual)


def _holds_any(index: VectorIndex, workspace: str) -> bool:
    return any(some(workspace, after="", most=1).ids for some in (index.listed_conclusions, index.listed_messages))


def fill(backends: Backends, workspace: str) -> Iterator[Progress]:
    """Bring whatever is missing into the second space; gives how far it is after each page.

    Several may do so at once, and one that was broken off goes on where it was. Raises `Conflict` when the change is
    ended meanwhile, and what an embedder or index raises.
    """
    choice = choice_of(backends, workspace)
    for _ in range(_MOST_PASSES):
        if choice is None or choice.state != "filling" or choice.second is None:
            raise Conflict(f"{workspace} is not changing its model")
        # A key or model that is wrong says so here, and not as a refusal of each text.
        with _metered(backends, workspace) as own:
            own.models.embedder_in(choice.second).embed(["blue"])
        yield from _pass(backends, choice, choice.second)
        choice = choice_of(backends, workspace)
        if choice is None or choice.filling.lapses == choice.filling.lapses_before:
            return
        choice = backends.db.run(lambda conn: space_choices.anew(conn, workspace))
    raise Conflict(f"{workspace}: writers cannot write the second space; their logs say why")


def _pass(backends: Backends, choice: SpaceChoice, space: EmbeddingSpace) -> Iterator[Progress]:
    """One pass over the rows. Whatever comes after a page was read is written by who brings it."""
    workspace = choice.workspace
    with backends.db.reading() as conn:
        total = space_choices.rows(conn, workspace)
    filling, made, refused = choice.filling, 0, 0
    if filling.filled:
        yield from _deleted(backends, workspace, Progress(filling.filled, total, 0, 0))
        sweep(backends, workspace, space)
    while not filling.is_filled:
        # Page by page: what a call cost is written down before the next one is made.
        with _metered(backends, workspace) as own:
            page = _page(own, workspace, space, filling)
        filling, made, refused = page.filling, made + page.made, refused + page.refused
        if page.made:
            yield from _deleted(backends, workspace, Progress(filling.filled, total, made, refused))
            drop_gone(backends, workspace, page)
        if not backends.db.run(lambda conn, at=filling: space_choices.advance(conn, choice, at)):
            raise Conflict(f"{workspace}: its change was ended, or begun anew, by somebody else")
        yield Progress(filling.filled, total, made, refused)


def _metered(backends: Backends, workspace: str) -> AbstractContextManager[Backends]:
    return metered(backends, workspace, run="reindex", embedding=INDEX)


def _deleted(backends: Backends, workspace: str, progress: Progress) -> Iterator[Progress]:
    """Wait until what is being deleted now is gone: its vectors went before its rows, perhaps before ours came."""

    def under_way() -> set[tuple[str, int]]:
        with backends.db.reading() as conn:
            return space_choices.deletions(conn, workspace)

    awaited = under_way()
    while awaited := awaited & under_way():
        yield replace(progress, is_waiting=True)


def _page(backends: Backends, workspace: str, space: EmbeddingSpace, filling: Filling) -> Page:
    page = conclusions_page(backends, workspace, space, filling)
    if page is None and backends.settings.app.embed_messages:
        page = messages_page(backends, workspace, space, filling)
    return page or Page(replace(filling, is_filled=True))


def switch(backends: Backends, workspace: str) -> SpaceChoice:
    """Read the space that was filled. Raises `Conflict` when something may be missing there: fill it first."""
    now = backends.clock.now()
    switched = backends.db.run(lambda conn: space_choices.switch(conn, workspace, now))
    backends.spaces.forget()
    if switched is None:
        raise Conflict(f"{workspace}: the second space is not filled")
    logger.info("space_switched", workspace=workspace, model=switched.read.model)
    return switched


def turn(backends: Backends, workspace: str) -> SpaceChoice:
    """Have the former space filled with what it may lack, to switch back to it. Raises `Conflict` without one."""
    turned = backends.db.run(lambda conn: space_choices.turn(conn, workspace))
    backends.spaces.forget()
    if turned is None:
        raise Conflict(f"{workspace} has no former space to go back to")
    return turned


def left_after_s(backends: Backends, workspace: str) -> float:
    """The seconds until no reader can be in the second space any more."""
    choice = choice_of(backends, workspace)
    if choice is None or choice.state == "settled" or choice.switched_at is None:
        return 0.0
    return max(0.0, LEFT_AFTER_S - (backends.clock.now() - choice.switched_at).total_seconds())


def leave(backends: Backends, workspace: str) -> Iterator[int]:
    """Empty the second space, be it the former or a next one that is given up; gives the steps it took so far.

    Raises `Conflict` where there is none, or while readers may be in it.
    """
    if (wait_s := left_after_s(backends, workspace)) > 0:
        raise Conflict(f"{workspace}: readers may be in the former space for {wait_s:.0f} s more")
    backends.db.run(lambda conn: space_choices.leave(conn, workspace))
    backends.spaces.forget()
    choice = choice_of(backends, workspace)
    if choice is None or choice.second is None or choice.state != "leaving":
        raise Conflict(f"{workspace} has no second space")
    index, steps = backends.vectors.at(choice.second), 0
    while index.clear(workspace, most=_CLEARED_AT_ONCE):
        steps += 1
        yield steps
    backends.db.run(lambda conn: space_choices.settle(conn, workspace))
    backends.spaces.forget()


def choice_of(backends: Backends, workspace: str) -> SpaceChoice | None:
    """The workspace's choice as it is now; None where it has the space of the settings."""
    return backends.spaces.now(backends.db, workspace)
