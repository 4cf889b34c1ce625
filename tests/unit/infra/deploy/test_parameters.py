"""Which values of parameters are refused before CloudFormation sees them."""

from pathlib import Path

import pytest

from infra.deploy.account import Refused
from infra.deploy.parameters import Declared, declared, given, objections

TEMPLATE = """
Parameters:
  Size: {Type: String, Default: small, AllowedValues: [small, large]}
  Days: {Type: Number, Default: 7, MinValue: 1, MaxValue: 35}
  Key: {Type: String, Default: "", AllowedPattern: "(arn:.+)?", ConstraintDescription: give an ARN}
  Name: {Type: String}
Rules:
  LargeNeedsAKey:
    RuleCondition: !Equals [!Ref Size, large]
    Assertions:
      - {Assert: !Not [!Equals [!Ref Key, ""]], AssertDescription: Give Key with large}
Resources: {}
"""


@pytest.fixture
def known(tmp_path: Path) -> Declared:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return declared(tmp_path / "template.yaml")


def test_objections_to_values_that_fit_are_none(known: Declared):
    assert objections(known, {"Name": "x", "Size": "large", "Key": "arn:x", "Days": "35"}, before=None) == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"Nmae": "x"}, "The template has no parameter Nmae: did you mean Name?"),
        ({"Zebra": "x"}, "The template has no parameter Zebra: there are Size, Days, Key, Name."),
        ({"Name": "x", "Size": "huge"}, "The parameter Size must be one of small, large."),
        ({"Name": "x", "Days": "0"}, "The parameter Days must be at least 1."),
        ({"Name": "x", "Days": "36"}, "The parameter Days must be at most 35."),
        ({"Name": "x", "Days": "week"}, "The parameter Days must be a number."),
        ({"Name": "x", "Key": "secret"}, "The parameter Key is not of the right form: give an ARN."),
        ({}, "The parameter Name has no default: give --parameter Name=..."),
        ({"Name": "x", "Size": "large"}, "Give Key with large."),
    ],
)
def test_objections_name_the_parameter_and_what_to_do(known: Declared, values: dict[str, str], told: str):
    assert objections(known, values, before=None) == [told]


def test_objections_count_what_the_stack_was_given_before(known: Declared):
    before = {"Name": "x", "Size": "small", "Key": "****", "GoneMeanwhile": "y"}
    assert objections(known, {}, before=before) == []
    assert objections(known, {"Size": "large"}, before=before) == []
    assert objections(known, {"Size": "large"}, before={**before, "Key": ""}) == ["Give Key with large."]


def test_given_keeps_everything_behind_the_first_sign():
    assert given(["A=b=c", "B="]) == {"A": "b=c", "B": ""}


@pytest.mark.parametrize("pair", ["planted", "=planted", "a b=planted"])
def test_given_refuses_what_is_no_pair_without_repeating_it(pair: str):
    with pytest.raises(Refused) as refused:
        given([pair])
    assert "planted" not in str(refused.value)
