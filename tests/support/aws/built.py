"""A folder like the one `sam build` leaves, with next to nothing in its parts: what is uploaded is not run."""

from pathlib import Path
from typing import Any, cast

import yaml

from infra.bootstrap import ROOT
from infra.local import cloudformation as cfn

_PARTS = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


def built_folder(place: Path, template: Path = ROOT / "template.yaml") -> Path:
    """The real template, its nested ones too, with each part in a folder of its own."""
    _write(place, template)
    return place


def _write(place: Path, template: Path) -> None:
    document = cast(dict[str, Any], cfn.read(template))
    for name, resource in document["Resources"].items():
        if resource["Type"] in _PARTS:
            (place / name).mkdir(parents=True)
            (place / name / "part.txt").write_text(name)
            resource["Properties"][_PARTS[resource["Type"]]] = name
        elif resource["Type"] == "AWS::CloudFormation::Stack":
            _write(place / name, template.parent / resource["Properties"]["TemplateURL"])
            resource["Properties"]["TemplateURL"] = f"{name}/template.yaml"
    place.mkdir(parents=True, exist_ok=True)
    (place / "template.yaml").write_text(yaml.safe_dump(document, sort_keys=False, width=200))
