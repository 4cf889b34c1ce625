"""The API as it is, but its process ends right after a commit, once, when `FAULTS_FOLDER` holds a file `die`."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mangum import Mangum

from functions.api.app import create_app
from shared.backends import open_backends
from shared.domain.work import WakeUp
from shared.queue.sqs import WorkQueue
from shared.settings import load
from shared.telemetry.logs import configure

_settings = load()
configure(_settings.app.log_level, "api")
_die = Path(os.environ["FAULTS_FOLDER"]) / "die"


class LastWords:
    """The genuine queue, unless the process ends at a send: messages are committed by then, and nobody is answered."""

    def __init__(self, inner: WorkQueue) -> None:
        self._inner = inner

    def send(self, wake_ups: Sequence[WakeUp]) -> list[WakeUp]:
        if _die.exists():
            _die.unlink()
            os._exit(3)
        return self._inner.send(wake_ups)


_genuine = open_backends(_settings)
_serve = Mangum(create_app(replace(_genuine, queue=LastWords(_genuine.queue))), lifespan="off")


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one event of API Gateway."""
    return _serve(event, context)
