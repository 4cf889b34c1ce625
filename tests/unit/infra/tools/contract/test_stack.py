"""What a value stands for, also across the border between a template and those nested in it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.cloudformation import TemplateError
from infra.tools.contract.stack import Stack, documents, stack

PARENT: dict[str, Any] = yaml.safe_load("""
Parameters: {Profile: {Type: String, Default: warm}}
Resources:
  Group: {Type: "AWS::EC2::SecurityGroup"}
  Data:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: ./data.yaml, Parameters: {From: {Ref: Group}, Size: {Ref: Profile}}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Address: {"Fn::Sub": "postgres://${Data.Outputs.Endpoint}/db"}
      Password: {"Fn::Sub": "${Data.Outputs.Secret}#password"}
      Both: {"Fn::Join": [",", [{"Fn::GetAtt": [Data, Outputs.Secret]}, {Ref: Group}]]}
""")
CHILD: dict[str, Any] = yaml.safe_load("""
Parameters: {From: {Type: String}, Size: {Type: String}}
Conditions: {IsWarm: {"Fn::Equals": [{Ref: Size}, warm]}}
Resources:
  Group: {Type: "AWS::EC2::SecurityGroup", Properties: {Source: {Ref: From}}}
  Secret: {Type: "AWS::SecretsManager::Secret", Condition: IsWarm}
  Cluster: {Type: "AWS::RDS::DBCluster"}
Outputs:
  Endpoint: {Value: {"Fn::GetAtt": [Cluster, Endpoint.Address]}}
  Secret: {Value: {Ref: Secret}}
  Back: {Value: {Ref: From}}
""")


def made(**given: Any) -> Stack:
    return stack({"": PARENT, "data.yaml": CHILD}, "case", given)


def behind(of: Stack, name: str) -> list[str]:
    work = of.parent.resources["Work"]
    return [f"{resource.label} {attribute}" for resource, attribute in of.origins(work.properties[name], work)]


def test_value_is_followed_through_the_output_of_a_nested_stack():
    assert behind(made(), "Address") == ["Data.Cluster Endpoint.Address"]
    assert behind(made(), "Password") == ["Data.Secret None"]
    assert behind(made(), "Both") == ["Data.Secret None", "Group None"]


def test_one_resource_is_behind_a_value_or_none():
    of = made()
    work = of.parent.resources["Work"]
    found = of.behind(work.properties["Password"], work)
    assert found is not None
    assert found.label == "Data.Secret"
    assert of.behind(work.properties["Both"], work) is None
    assert of.behind("arn:aws:sqs:us-east-1:000000000000:queue", work) is None


def test_names_of_a_nested_template_are_its_own_and_those_handed_down_are_the_parents():
    of = made()
    (group,) = [resource for resource in of.resources() if resource.label == "Data.Group"]
    source = of.behind(group.properties["Source"], group)
    assert source is not None
    assert source.label == "Group"
    back = of.behind({"Fn::GetAtt": ["Data", "Outputs.Back"]})
    assert back is not None
    assert back.label == "Group"


def test_conditions_of_a_nested_template_follow_what_is_handed_down():
    assert "Secret" in made().nested["Data"].resources
    assert "Secret" not in made(Profile="zero").nested["Data"].resources
    assert behind(made(Profile="zero"), "Password") == []


def test_nested_template_that_is_no_file_is_refused_by_name(tmp_path: Path):
    (tmp_path / "template.yaml").write_text(yaml.safe_dump(PARENT))
    with pytest.raises(TemplateError, match=r"TemplateURL data\.yaml: there is no such file"):
        documents(tmp_path)
    (tmp_path / "data.yaml").write_text(yaml.safe_dump(CHILD))
    assert set(documents(tmp_path)) == {"", "data.yaml"}
