"""The API as a Lambda function: every route but chat."""

from typing import Any, Final

from mangum import Mangum

from functions import started
from functions.api.app import create_app
from functions.api.threads import one_at_a_time
from shared.backends import open_backends
from shared.settings import load
from shared.telemetry.outlets import open_outlets

_settings = load()
_outlets: Final = open_outlets(_settings, "api")
_serve: Final = Mangum(create_app(open_backends(_settings), _outlets), lifespan="off")
started()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one event of API Gateway."""
    with _outlets.emptied(), one_at_a_time():
        return _serve(event, context)
