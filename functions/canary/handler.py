"""The canary's visit: whether the memory learns what it is told, as a metric that an alarm looks at."""

from dataclasses import asdict
from typing import Protocol

from functions import started
from shared.backends import open_backends
from shared.memory.canary import visit
from shared.settings import load
from shared.telemetry import tracing
from shared.telemetry.outlets import open_outlets

_settings = load()
outlets = open_outlets(_settings, "canary")
backends = open_backends(_settings)
started()


class Context(Protocol):
    """What Lambda says of this call; one that it repeats has the same id."""

    aws_request_id: str


def lambda_handler(event: object, context: Context) -> dict[str, object]:
    """How the memory is."""
    with outlets.emptied(), tracing.entry("canary", None, {}):
        return asdict(visit(backends, context.aws_request_id))
