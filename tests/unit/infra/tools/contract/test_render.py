"""A template with its parameters, as CloudFormation and SAM would put it together."""

from typing import Any

import pytest
import yaml

from infra.local.cloudformation import TemplateError
from infra.local.intrinsics import names_in
from infra.tools.contract.render import outer, render

TEMPLATE: dict[str, Any] = yaml.safe_load("""
Parameters:
  Profile: {Type: String, Default: warm}
  Names: {Type: CommaDelimitedList, Default: "a, b"}
  Key: {Type: String, Default: ""}
Mappings:
  Size: {zero: {Most: 4}, warm: {Most: 8}}
Conditions:
  IsZero: {"Fn::Equals": [{Ref: Profile}, zero]}
  HasKey: {"Fn::Not": [{"Fn::Equals": [{Ref: Key}, ""]}]}
  Both: {"Fn::And": [{Condition: IsZero}, {Condition: HasKey}]}
  Either: {"Fn::Or": [{Condition: IsZero}, {Condition: HasKey}]}
Globals:
  Function:
    Timeout: 29
    Layers: [{Ref: Base}]
    Environment: {Variables: {LEVEL: info, SIZE: {"Fn::FindInMap": [Size, {Ref: Profile}, Most]}}}
Resources:
  Base: {Type: "AWS::Lambda::LayerVersion"}
  Proxy: {Type: "AWS::RDS::DBProxy", Condition: Either}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Layers: [{Ref: More}, {"Fn::If": [IsZero, {Ref: Base}, {Ref: "AWS::NoValue"}]}]
      Environment: {Variables: {LEVEL: debug}}
      Names: {Ref: Names}
      First: {"Fn::Select": [0, {"Fn::Split": ["#", {Ref: Key}]}]}
      Address: {"Fn::Sub": "https://${Door}.${AWS::Region}.example/${Profile}"}
      Own: {"Fn::Sub": ["${Major}-${Door.Id}", {Major: {Ref: Profile}}]}
      Joined: {"Fn::Join": ["/", [x, {Ref: Profile}]]}
      Gone: {"Fn::If": [IsZero, 1, {Ref: "AWS::NoValue"}]}
Outputs:
  Level: {Value: {Ref: Profile}}
  Proxy: {Condition: Either, Value: {Ref: Proxy}}
""")


def work(**given: Any) -> dict[str, Any]:
    return render(TEMPLATE, given).resources["Work"].properties


def test_globals_are_followed_by_lists_and_give_way_to_values_of_its_own():
    assert work()["Timeout"] == 29
    assert work()["Layers"] == [{"Ref": "Base"}, {"Ref": "More"}]
    assert work()["Environment"]["Variables"] == {"LEVEL": "debug", "SIZE": 8}


def test_conditions_choose_values_and_what_is_made():
    assert "Gone" not in work()
    assert work(Profile="zero")["Gone"] == 1
    assert work(Profile="zero")["Layers"][-1] == {"Ref": "Base"}
    assert "Proxy" not in render(TEMPLATE, {}).resources
    assert "Proxy" not in render(TEMPLATE, {}).outputs
    assert "Proxy" in render(TEMPLATE, {"Key": "x"}).resources
    assert render(TEMPLATE, {"Profile": "zero"}).conditions == {
        "IsZero": True, "HasKey": False, "Both": False, "Either": True
    }  # fmt: skip


def test_what_is_known_is_put_in_and_what_only_a_deploy_knows_stays():
    properties = work(Key="arn:x#y")
    assert properties["Names"] == ["a", "b"]
    assert properties["First"] == "arn:x"
    assert properties["Joined"] == "x/warm"
    assert properties["Address"] == {"Fn::Sub": "https://${Door}.us-east-1.example/warm"}
    assert properties["Own"] == {"Fn::Sub": "warm-${Door.Id}"}


def test_value_from_the_template_above_refers_to_nothing_in_this_one():
    rendered = render(TEMPLATE, {"Key": outer({"Ref": "Door"})})
    assert rendered.conditions["HasKey"]
    assert names_in(rendered.resources["Work"].properties["First"]) == []


def test_names_are_those_of_every_kind_of_reference():
    node = {
        "a": {"Ref": "One"},
        "b": [{"Fn::GetAtt": ["Two", "Outputs.X"]}, {"Fn::GetAtt": "Three.Arn"}],
        "c": {"Fn::Sub": "${Four}-${Five.Arn}-${!Not}"},
        "d": {"Fn::Sub": ["${Own}${Six}", {"Own": {"Ref": "Seven"}}]},
    }
    assert sorted(name for name, _ in names_in(node)) == sorted("One Two Three Four Five Six Seven".split())  # pyright: ignore
    assert ("Two", "Outputs.X") in names_in(node)  # pyright: ignore


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Resources": {"X": {"Type": "T", "Condition": "IsNothing"}}}, "condition IsNothing is not declared"),
        ({"Parameters": {"Profile": {"Type": "String"}}}, "parameter Profile has no default and is not given"),
        (
            {"Conditions": {"IsZero": {"Fn::Contains": []}}, "Resources": {}, "Outputs": {}},
            "no condition that is understood",
        ),
    ],
)
def test_template_that_cannot_be_put_together_is_refused_with_the_reason(change: dict[str, Any], said: str):
    with pytest.raises(TemplateError, match=said):
        render({**TEMPLATE, **change}, {})
