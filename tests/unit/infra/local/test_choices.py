"""What conditions and mappings come to with values for the parameters."""

from pathlib import Path

import pytest

from infra.local import cloudformation as cfn
from infra.local.choices import Choices
from infra.local.cloudformation import TemplateError

HEAD = """
Parameters:
  Profile: {Type: String, Default: warm}
  Days: {Type: Number, Default: 3}
  Address: {Type: String, Default: ""}
  Names: {Type: CommaDelimitedList, Default: ""}
  NoDefault: {Type: String}
Mappings:
  Size:
    warm: {Small: 2}
    zero: {Small: 1}
Conditions:
  IsZero: !Equals [!Ref Profile, zero]
  HasDays: !Not [!Equals [!Ref Days, 0]]
  HasNames: !Not [!Equals [!Join ["", !Ref Names], ""]]
  IsArn: !Equals [!Select [0, !Split [":", !Ref Address]], arn]
  Both: !And [!Condition IsZero, !Condition HasDays]
  Either: !Or [!Condition IsZero, !Condition HasDays]
  Strange: !Contains [[a], a]
  Unknown: !Equals [!Ref NoDefault, x]
"""


def choices(folder: Path, **given: str) -> Choices:
    (folder / "template.yaml").write_text(HEAD)
    return Choices(cfn.read(folder / "template.yaml"), given)


@pytest.mark.parametrize(
    ("given", "met"),
    [
        ({}, {"HasDays", "Either"}),
        ({"Profile": "zero"}, {"IsZero", "HasDays", "Both", "Either"}),
        ({"Days": "0", "Names": "a,b"}, {"HasNames"}),
        ({"Address": "arn:aws:x"}, {"HasDays", "Either", "IsArn"}),
        ({"Address": "postgresql://h"}, {"HasDays", "Either"}),
    ],
)
def test_conditions_are_met_by_defaults_and_by_what_is_given(tmp_path: Path, given: dict[str, str], met: set[str]):
    found = choices(tmp_path, **given)
    names = ("IsZero", "HasDays", "HasNames", "IsArn", "Both", "Either")
    assert {name for name in names if found.holds(name)} == met


@pytest.mark.parametrize("name", ["Strange", "Unknown", "Undeclared"])
def test_condition_that_would_have_to_be_guessed_is_refused(tmp_path: Path, name: str):
    with pytest.raises(TemplateError):
        choices(tmp_path).holds(name)


def test_settled_takes_the_branch_and_leaves_out_what_is_no_value(tmp_path: Path):
    nothing = {"Ref": "AWS::NoValue"}
    node: cfn.Node = {
        "a": {"Fn::If": ["IsZero", 1, {"Fn::If": ["HasDays", {"Ref": "Queue"}, 2]}]},
        "b": {"Fn::If": ["IsZero", 1, nothing]},
        "c": ["x", {"Fn::If": ["IsZero", "y", nothing]}],
    }
    assert choices(tmp_path).settled(node) == {"a": {"Ref": "Queue"}, "c": ["x"]}
    assert choices(tmp_path, Profile="zero").settled(node) == {"a": 1, "b": 1, "c": ["x", "y"]}


def test_looked_up_finds_the_row_of_the_parameter_and_leaves_the_rest(tmp_path: Path):
    node: cfn.Node = {"Fn::FindInMap": ["Size", {"Ref": "Profile"}, "Small"]}
    assert choices(tmp_path).looked_up(node) == 2
    assert choices(tmp_path, Profile="zero").looked_up(node) == 1
    assert choices(tmp_path).looked_up({"Ref": "x"}) == {"Ref": "x"}
    with pytest.raises(TemplateError):
        choices(tmp_path, Profile="other").looked_up(node)
