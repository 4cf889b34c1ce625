"""Webhooks: registering endpoints, and owing them what happens."""

from shared.backends import Backends
from shared.domain.errors import Conflict, NotFound
from shared.domain.ids import new_id
from shared.domain.json import JsonObject
from shared.domain.page import Page, PageRequest
from shared.domain.webhook import EventType, Webhook, WebhookEvent, checked_url
from shared.domain.work import TaskKind, WakeUp, WorkUnit
from shared.memory.note import UNNOTED, Note
from shared.memory.relay import send
from shared.store import webhooks
from shared.store.database import Connection
from shared.telemetry.logs import logger

# What clients of the API know these kinds of work as.
_QUEUE_TYPES = {TaskKind.DERIVE: "representation", TaskKind.SUMMARY: "summary", TaskKind.DREAM: "dream"}


class WebhookLimitReached(Conflict):
    """The workspace has as many webhooks as it may have."""


def register(
    backends: Backends, workspace: str, url: str, *, note: Note[tuple[Webhook, bool]] = UNNOTED
) -> tuple[Webhook, bool]:
    """The endpoint at `url`, and whether this call made it.

    Raises `WebhookUrlInvalid`, `NotFound` for an unknown workspace, `WebhookLimitReached`.
    """
    settings = backends.settings.webhook
    checked_url(url, allows_private=settings.allow_private)

    def work(conn: Connection) -> tuple[Webhook, bool]:
        registered = found_or_made(conn)
        note(conn, registered)
        return registered

    def found_or_made(conn: Connection) -> tuple[Webhook, bool]:
        if not webhooks.hold(conn, workspace):
            raise NotFound(f"workspace {workspace} not found")
        present = webhooks.every(conn, workspace)
        same = next((webhook for webhook in present if webhook.url == url), None)
        if same is not None:
            return same, False
        if len(present) >= settings.max_workspace_limit:
            raise WebhookLimitReached(f"workspace {workspace} has {len(present)} webhooks, and may have no more")
        return webhooks.insert(conn, workspace, url, backends.clock.now()), True

    registered, is_new = backends.db.run(work)
    if is_new and settings.secret is None:
        logger.warning("webhook_will_not_be_called", workspace=workspace, reason="WEBHOOK_SECRET is not set")
    return registered, is_new


def listed(backends: Backends, workspace: str, page: PageRequest) -> Page[Webhook]:
    """One page of the workspace's endpoints, oldest first."""
    with backends.db.reading() as conn:
        return webhooks.page(conn, workspace, page)


def remove(backends: Backends, workspace: str, webhook: str) -> None:
    """Forget the endpoint and what it is still owed. Raises `NotFound`."""

    def happened(conn: Connection) -> bool:
        return webhooks.get(conn, workspace, webhook) is None

    if not backends.db.run(lambda conn: webhooks.delete(conn, workspace, webhook), happened=happened):
        raise NotFound(f"webhook {webhook} not found")


def test(backends: Backends, workspace: str) -> None:
    """Owe every endpoint of the workspace a test event; nothing without a secret to sign it with."""
    if backends.settings.webhook.secret is None:
        logger.warning("test_event_dropped", workspace=workspace, reason="WEBHOOK_SECRET is not set")
        return
    event = _event(backends, "test.event", {"workspace_id": workspace})
    send(backends, backends.db.run(lambda conn: webhooks.announce(conn, workspace, event)))


def announce_drained(backends: Backends, conn: Connection, unit: WorkUnit) -> list[WakeUp]:
    """In the transaction that finished a window of `unit`: owe `queue.empty` if nothing is pending there any more.

    Gives the wake-ups that are owed. Costs nothing without a secret, and one look where nobody listens.
    """
    if backends.settings.webhook.secret is None or not webhooks.is_drained_and_heard(conn, unit):
        return []
    about: JsonObject = {
        "workspace_id": unit.workspace,
        "queue_type": _QUEUE_TYPES[unit.kind],
        "session_id": unit.session or None,
        "observer": unit.observer or None,
        "observed": unit.observed or None,
    }
    return webhooks.announce(conn, unit.workspace, _event(backends, "queue.empty", about))


def announce_soft_limit(backends: Backends, workspace: str, about: JsonObject) -> None:
    """Owe every endpoint of the workspace the news that a soft limit was reached; nothing without a secret."""
    if backends.settings.webhook.secret is not None:
        event = _event(backends, "budget.soft_limit", {"workspace_id": workspace, **about})
        send(backends, backends.db.run(lambda conn: webhooks.announce(conn, workspace, event)))


def _event(backends: Backends, kind: EventType, about: JsonObject) -> WebhookEvent:
    return WebhookEvent(new_id(), kind, about, backends.clock.now().replace(microsecond=0))
