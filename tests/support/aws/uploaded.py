"""A template as CloudFormation takes it: read from the bucket, and refused for what AWS would refuse it for."""

from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from infra.local.choices import Choices
from infra.local.cloudformation import TemplateError, loads
from tests.support.aws.protocol import Fault

Document = dict[str, Any]

_LARGEST = 2**20
# What `sam package` must have replaced: the property by type of resource.
_UPLOADED = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::CloudFormation::Stack": "TemplateURL",
}
_DEPLOYED = {
    "AWS::Serverless::Function": "AWS::Lambda::Function",
    "AWS::Serverless::LayerVersion": "AWS::Lambda::LayerVersion",
    "AWS::Serverless::Api": "AWS::ApiGateway::RestApi",
}


def deployed(kind: str) -> str:
    """What the transform makes of a type of resource, as far as a deploy or its end sees it."""
    return _DEPLOYED.get(kind, kind)


def read(objects: Mapping[str, bytes], url: str) -> Document:
    """The template at `url`. Raises `Fault` when it is not there, does not parse or is too large."""
    place = unquote(urlsplit(url).path.lstrip("/"))
    if place not in objects:
        raise Fault("ValidationError", f"S3 error: The specified key does not exist: {place}")
    return parse(objects[place].decode())


def parse(text: str) -> Document:
    if len(text) > _LARGEST:
        raise Fault("ValidationError", "Template may not exceed 1000000 bytes in size.")
    try:
        return cast(Document, loads(text, "template"))
    except TemplateError as error:
        raise Fault("ValidationError", f"Template format error: {error}") from error


def check(document: Document, objects: Mapping[str, bytes]) -> None:
    """Raises `Fault` for a part that is no resource, or stands on the machine it was written on."""
    for name, resource in cast(Document, document["Resources"]).items():
        if "Type" not in resource:
            raise Fault("ValidationError", f"Template format error: [/Resources/{name}] Every resource needs a Type")
        wanted = _UPLOADED.get(resource["Type"])
        if wanted is None:
            continue
        value = resource["Properties"].get(wanted)
        for url in (value,) if isinstance(value, str) else ():
            bucket_and_key = url.removeprefix("s3://") if url.startswith("s3://") else urlsplit(url).path.lstrip("/")
            if "://" not in url or bucket_and_key not in objects:
                raise Fault("ValidationError", f"[{name}] {wanted} is no object in a bucket: {url}")


def merged(document: Document, given: list[Document], before: Mapping[str, str]) -> dict[str, str]:
    """The value of every parameter. Raises `Fault` as AWS does for those that are unknown, missing or not allowed."""
    declared = cast(dict[str, Document], document.get("Parameters") or {})
    unknown = [one["ParameterKey"] for one in given if one["ParameterKey"] not in declared]
    if unknown:
        raise Fault("ValidationError", f"Parameters: {unknown} do not exist in the template")
    said = {
        one["ParameterKey"]: before[one["ParameterKey"]] if one.get("UsePreviousValue") else one["ParameterValue"]
        for one in given
    }
    values = {name: said.get(name, one.get("Default")) for name, one in declared.items()}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise Fault("ValidationError", f"Parameters: {missing} must have values")
    found = {name: str(value) for name, value in values.items()}
    for name, one in declared.items():
        if "AllowedValues" in one and found[name] not in [str(value) for value in one["AllowedValues"]]:
            raise Fault("ValidationError", f"Parameter '{name}' must be one of AllowedValues")
    return found


def resources(document: Document, values: Mapping[str, str]) -> Iterator[tuple[str, Document]]:
    """The resources that are made with these values."""
    choices = Choices(document, values)
    for name, resource in cast(dict[str, Document], document["Resources"]).items():
        if "Condition" not in resource or choices.holds(resource["Condition"]):
            yield name, resource
