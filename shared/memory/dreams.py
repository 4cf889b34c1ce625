"""Dreams as the rest of the memory sees them: asked for, due by themselves, put off."""

from dataclasses import dataclass, replace

from shared.backends import Backends
from shared.domain.conclusion import Collection
from shared.domain.configuration import Configuration, resolve
from shared.domain.dream import DreamRequest
from shared.domain.errors import DatabaseUnavailable, Invalid, LimitExceeded, NotFound
from shared.domain.ids import SCOPE_PREFIX, checked_name, is_scope
from shared.domain.work import WakeUp
from shared.memory.note import UNNOTED, Note
from shared.memory.planning import defaults
from shared.memory.relay import send
from shared.store import dream_schedule, dreams, sessions, workspaces
from shared.store.database import Connection
from shared.telemetry.logs import logger

_MOST_AT_ONCE = 100


class DreamsDisabled(LimitExceeded):
    """Dreams are switched off on this server."""


def schedule(backends: Backends, wanted: DreamRequest, *, note: Note[None] = UNNOTED) -> None:
    """Have the collection dream now, whatever was concluded and however long ago it dreamt.

    One that is pending or under way is not asked for twice. Whether the peers exist makes no difference. Raises
    `DreamsDisabled`, `NotFound` for an unknown workspace or a peer being erased, `Invalid` for what cannot be observed.
    """
    if not backends.settings.dream.enabled:
        raise DreamsDisabled
    collection = wanted.collection
    _check(collection)

    def work(conn: Connection) -> list[WakeUp]:
        if workspaces.get(conn, collection.workspace) is None:
            raise NotFound(f"workspace {collection.workspace} not found")
        asked = replace(wanted, session=_active(conn, collection, wanted.session))
        if leaving := dreams.hold(conn, collection):
            raise NotFound(f"peer {leaving[0]} is being erased")
        wake_ups = dreams.request(conn, asked, now=backends.clock.now())
        note(conn, None)
        return wake_ups

    send(backends, backends.db.run(work))


def _active(conn: Connection, collection: Collection, session: str | None) -> str | None:
    """The session, held before the unit: who takes it away finds what names it. None for one that goes or is gone."""
    if session is None or not sessions.hold_active(conn, collection.workspace, session):
        return None
    return session


def _check(collection: Collection) -> None:
    """A scope observes, and is not observed."""
    if is_scope(collection.observed):
        raise Invalid("a scope cannot be observed: name the peer")
    checked_name(collection.observed, "observed")
    checked_name(collection.observer.removeprefix(SCOPE_PREFIX), "observer")


def release_dreams(backends: Backends) -> int:
    """Let those collections dream whose time has come; gives how many were woken."""
    with backends.db.reading() as conn:
        due = dream_schedule.due(conn, now=backends.clock.now(), most=_MOST_AT_ONCE)
    woken = 0
    for collection in due:
        try:
            wake_ups = backends.db.run(lambda conn, collection=collection: _release(backends, conn, collection))
        except _NotDue:
            continue
        except DatabaseUnavailable:
            raise
        except Exception:
            # One that fails each time must not keep all others awake.
            logger.exception("dream_not_released", workspace=collection.workspace)
            continue
        send(backends, wake_ups)
        woken += bool(wake_ups)
    if due:
        logger.info("dreams_released", due=len(due), woken=woken)
    return woken


class _NotDue(Exception):
    """The collection was put off since it was found, or is gone: nothing is to be left of having looked at it."""


def _release(backends: Backends, conn: Connection, collection: Collection) -> list[WakeUp]:
    now = backends.clock.now()
    session = _active(conn, collection, dreams.newest_session(conn, collection))
    rules = rules_of(backends, conn, collection.workspace, session)
    # The unit before the collection, as for who finishes a dream.
    dreams.hold(conn, collection)
    if not dream_schedule.take(conn, collection, now=now):
        raise _NotDue
    if not rules.may_dream:
        return []
    wanted = [DreamRequest(collection, kind, "threshold", session) for kind in backends.settings.dream.enabled_types]
    # All kinds share the unit, and so the wake-up.
    return list(dict.fromkeys(wake_up for one in wanted for wake_up in dreams.request(conn, one, now=now)))


@dataclass(frozen=True, slots=True)
class DreamRules:
    """What the configuration in force lets a dream do."""

    configuration: Configuration
    is_enabled: bool

    @property
    def may_dream(self) -> bool:
        return self.is_enabled and self.configuration.dream and self.configuration.reasoning

    @property
    def may_write_card(self) -> bool:
        return self.configuration.create_card


def rules_of(backends: Backends, conn: Connection, workspace: str, session: str | None) -> DreamRules:
    """What holds for a dream that `session` gave rise to, or none."""
    there = workspaces.get(conn, workspace)
    here = sessions.get(conn, workspace, session) if session is not None else None
    levels = [found.configuration for found in (there, here) if found is not None]
    return DreamRules(resolve(defaults(backends.settings), *levels), backends.settings.dream.enabled)
