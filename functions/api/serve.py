"""The same API as a web server of its own: `uvicorn functions.api.serve:app`, for answers that stream."""

from typing import Final

from functions.api.app import create_app
from shared.backends import open_backends
from shared.settings import load
from shared.telemetry.outlets import open_outlets

_settings = load()
_outlets: Final = open_outlets(_settings, "chat")
app: Final = create_app(open_backends(_settings), _outlets, flushes=True)
