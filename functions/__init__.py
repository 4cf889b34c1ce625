"""The Lambda entry points. Importing this package, which every one of them does first, begins a start."""

import gc
import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # Modules being loaded leave no garbage: looking for it takes a tenth of a cold start.
    gc.disable()
    # Without this pydantic reads what every installed package says of itself, in search of plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def started() -> None:
    """What was loaded stays: garbage is looked for from here on, and not among that."""
    gc.freeze()
    gc.enable()
