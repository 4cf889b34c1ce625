"""What an old Python is told. Written in the language of that old Python."""

import shutil
import sys

# Newest first: a person who has several wants the one deployed functions run on, or newer.
_NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")


def refusal() -> str:
    """One sentence naming this Python's version and, where there is one, a newer Python to use instead."""
    version = "{}.{}".format(*sys.version_info[:2])
    found = [name for name in _NEWER if shutil.which(name)]
    advice = f"use `{found[0]} -m infra` instead" if found else "install one and use it instead"
    return f"Honcho Serverless needs Python 3.11 or newer and this is Python {version}: {advice}."
