"""The same API as a web server of its own: `uvicorn functions.api.serve:app`, for answers that stream."""

from importlib import import_module
from typing import Final

from functions import started
from functions.api.app import create_app
from shared.backends import open_backends
from shared.settings import load
from shared.telemetry.outlets import open_outlets

# What the routes of chat import with their first question is wanted here from the beginning.
import_module("shared.reasoning.dialectic")
import_module("shared.reasoning.workspace")
_settings = load()
_outlets: Final = open_outlets(_settings, "chat")
app: Final = create_app(open_backends(_settings), _outlets, flushes=True)
started()
