"""What CloudFormation makes of a SAM template, by AWS's own translator and without AWS."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final, cast

from infra.local.cloudformation import REGION, Node

# Out of our environment, as the SAM CLI is: it wants an older pydantic than the service.
TRANSLATOR: Final = "aws-sam-translator==1.115.0"
_SCRIPT: Final = Path(__file__).with_name("sam_translate.py")
_UPLOADED: Final = "s3://bucket/key"


def translated(asked: Sequence[tuple[dict[str, Node], Mapping[str, Node]]]) -> list[dict[str, Node]]:
    """Each template with its parameters, translated; code counts as uploaded. Raises what the translator says."""
    uvx = Path(sys.executable).with_name("uvx")
    command = [str(uvx), "--quiet", "--python", sys.executable, "--from", TRANSLATOR, "python", "-I", str(_SCRIPT)]
    question = [{"document": _uploaded(document), "parameters": dict(given)} for document, given in asked]
    # Boto3, which the translator asks for the name of the partition, needs a region; it calls nobody.
    environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"} | {"AWS_DEFAULT_REGION": REGION}
    answer = subprocess.run(
        command, input=json.dumps(question), env=environment, check=False, capture_output=True, text=True, timeout=300
    )
    if answer.returncode != 0:
        raise AssertionError(answer.stderr[-2000:])
    return cast(list[dict[str, Node]], json.loads(answer.stdout))


def _uploaded(document: dict[str, Node]) -> dict[str, Node]:
    """As `sam package` leaves it: folders of this machine are addresses of a bucket."""
    copy = cast(dict[str, Any], deepcopy(document))
    usual = copy.get("Globals", {}).get("Function", {})
    if "CodeUri" in usual:
        usual["CodeUri"] = _UPLOADED
    for resource in copy["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = _UPLOADED
    return copy
