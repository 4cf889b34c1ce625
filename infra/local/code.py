"""Where a function's code is, and the Python that runs it: the source tree, or what was built for Lambda."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from infra.local.template import FunctionSpec

# That of `Runtime` in template.yaml.
DEPLOYED_PYTHON: Final = "3.13"


@dataclass(frozen=True, slots=True)
class Code:
    """What one function is started with.

    `folder` is what Lambda calls the task root, `layers` what stands for /opt there. `inherited` is what comes from
    the launcher's own environment, `variables` are the code's own, and `serve` starts a web function, which takes its
    socket from `UVICORN_FD`.
    """

    python: str
    folder: Path
    inherited: Mapping[str, str]
    variables: Mapping[str, str]
    serve: tuple[str, ...] = ()
    layers: Path | None = None
    # What the runtime client believes to run in, whatever Python that is here: for older ones it writes each letter
    # beyond ASCII as six, and what Lambda hands over would be too large.
    version: str = DEPLOYED_PYTHON

    def placed(self, value: str) -> str:
        """A value of the template, with the path of the layers as it is here."""
        return value if self.layers is None else value.replace("/opt/", f"{self.layers}/")


class Codebase(Protocol):
    """The code of every function."""

    def of(self, function: FunctionSpec) -> Code: ...


@dataclass(frozen=True, slots=True)
class SourceTree:
    """The tree as it is edited, run by this very Python."""

    root: Path

    def of(self, function: FunctionSpec) -> Code:
        options = ("--no-access-log", "--no-server-header", "--no-date-header", "--log-level", "warning")
        return Code(
            python=sys.executable,
            folder=self.root,
            inherited=os.environ,
            variables={
                "TIKTOKEN_CACHE_DIR": str(self.root / "layers" / "models" / "encodings"),
                "PYTHONPATH": os.pathsep.join(filter(None, [str(self.root), os.environ.get("PYTHONPATH", "")])),
            },
            serve=(sys.executable, "-m", "uvicorn", function.uvicorn or "", *options),
        )
