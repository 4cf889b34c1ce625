"""The scheduled visit: send the wake-ups that are due, index what stayed pending."""

from shared.backends import open_backends
from shared.memory.relay import next_due, relay
from shared.settings import load
from shared.telemetry.logs import configure

_settings = load()
configure(_settings.app.log_level, "tick")
backends = open_backends(_settings)


def lambda_handler(event: object, context: object) -> dict[str, object]:
    """How many wake-ups were sent, and when the next visit would be of use."""
    sent = relay(backends)
    due = next_due(backends)
    return {"sent": sent, "next_due_at": due.isoformat() if due else None}
