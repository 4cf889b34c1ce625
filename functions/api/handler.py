"""The API as a Lambda function: every route but chat."""

from typing import Any, Final

from mangum import Mangum

from functions.api.app import create_app
from functions.api.threads import one_at_a_time
from shared.backends import open_backends
from shared.settings import load
from shared.telemetry.logs import configure

_settings = load()
configure(_settings.app.log_level, "api")
_serve: Final = Mangum(create_app(open_backends(_settings)), lifespan="off")


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one event of API Gateway."""
    with one_at_a_time():
        return _serve(event, context)
