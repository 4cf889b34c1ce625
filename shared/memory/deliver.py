"""Delivering: what an endpoint is owed, one event after the other, until it took each or grew too old."""

from datetime import timedelta
from typing import Final

from shared.backends import Backends
from shared.domain.errors import Invalid
from shared.domain.webhook import Webhook, WebhookEvent, checked_url, signature
from shared.domain.work import Claim, WakeUp
from shared.memory.outbound import AddressForbidden, EndpointFailed, post
from shared.memory.planning import derive_gate
from shared.memory.relay import send
from shared.memory.work import park, perform
from shared.store import webhooks, work
from shared.store.database import Connection
from shared.store.work import Outcome
from shared.telemetry.logs import logger

TIMEOUT_S: Final = 30.0
GIVEN_UP_AFTER: Final = timedelta(hours=6)
# Of one endpoint in one invocation, as long as it answers: others wait for their turn.
_MOST_AT_ONCE: Final = 20
_LONGEST_TURN: Final = timedelta(seconds=10)


def deliver(backends: Backends, wake_up: WakeUp) -> None:
    """Deliver what the endpoint that `wake_up` points to is owed, oldest first, until it fails or the turn is over.

    An event that is not taken is tried again at its due time, up to six hours after it happened, then parked.
    """
    ends_at = backends.clock.now() + _LONGEST_TURN
    for _ in range(_MOST_AT_ONCE):
        taken: list[Claim] = []
        perform(
            backends, wake_up.unit, lambda own, claimed, taken=taken: _deliver(own, claimed, taken), window_tokens=1
        )
        if not taken or backends.clock.now() >= ends_at:
            return


def _deliver(backends: Backends, claimed: Claim, taken: list[Claim]) -> None:
    """Deliver the claim's events; it is added to `taken` when all of them are gone."""
    workspace, endpoint = claimed.unit.workspace, claimed.unit.observed
    seqs = [item.seq for item in claimed.items]
    with backends.db.reading() as conn:
        webhook = webhooks.get(conn, workspace, endpoint)
        events = webhooks.owed(conn, workspace, endpoint, seqs)
    try:
        for event in events:
            if webhook is not None:
                _post(backends, webhook, event)
    except (AddressForbidden, Invalid) as error:
        park(backends, claimed, f"{type(error).__name__}: {error}")
        logger.warning("event_parked", unit=claimed.unit.alias, reason=type(error).__name__)
        return
    except EndpointFailed as error:
        if backends.clock.now() < claimed.items[0].created_at + GIVEN_UP_AFTER:
            raise
        park(backends, claimed, f"{type(error).__name__}: {error}")
        logger.warning("event_parked", unit=claimed.unit.alias, attempts=claimed.attempts, reason="too old")
        return

    def finish(conn: Connection) -> list[WakeUp]:
        work.fence(conn, claimed)
        webhooks.settle(conn, workspace, endpoint, seqs)
        gate, now = derive_gate(backends.settings), backends.clock.now()
        return work.finish(conn, claimed, Outcome("", 0, 0, 0), gate=gate, now=now)

    send(backends, backends.db.run(finish))
    taken.append(claimed)


def _post(backends: Backends, webhook: Webhook, event: WebhookEvent) -> None:
    settings = backends.settings.webhook
    if settings.secret is None:
        logger.warning("event_dropped", workspace=webhook.workspace, reason="WEBHOOK_SECRET is not set")
        return
    body = event.body()
    status = post(
        # Again: the rules may have become stricter since it was registered.
        checked_url(webhook.url, allows_private=settings.allow_private),
        body,
        {
            "Content-Type": "application/json",
            "User-Agent": "honcho-serverless",
            "X-Honcho-Signature": signature(body, settings.secret.get_secret_value()),
            "X-Honcho-Event-Id": event.id,
        },
        timeout_s=TIMEOUT_S,
        allows_private=settings.allow_private,
    )
    if not 200 <= status < 300:
        raise EndpointFailed(f"the endpoint answered {status}")
    logger.info("event_delivered", workspace=webhook.workspace, webhook=webhook.id, event_id=event.id)
