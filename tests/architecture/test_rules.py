"""What a deploy is refused for before anything is made."""

import pytest

from infra.local import cloudformation as cfn
from tests.support.stacks import PARENT, declared, rendered

GIVEN = {"Vpc": "given", "VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"}
OWN = {"DbConnectionUri": "postgresql://h/d", "OwnerConnectionUri": "postgresql://h/d"}
TURBOPUFFER = {"VectorStore": "turbopuffer", "TurbopufferKey": "arn:aws:x", "TurbopufferRegion": "aws-us-east-1"}


def broken(given: dict[str, str]) -> set[str]:
    """The rules that a deploy with these parameters breaks."""
    choices = rendered(PARENT, given).choices
    return {
        name
        for name, rule in declared(PARENT, "Rules").items()
        if choices.decides(rule["RuleCondition"])
        for assertion in cfn.items([rule], "Assertions")
        if not choices.decides(cfn.table(assertion, name)["Assert"])
    }


@pytest.mark.parametrize("given", [{}, GIVEN, OWN, TURBOPUFFER, {**OWN, "Vpc": "none"}, {**OWN, **GIVEN}])
def test_parameters_that_fit_together_are_taken(given: dict[str, str]):
    assert broken(given) == set()


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"Vpc": "none"}, "NoNetworkNeedsADatabaseOutside"),
        ({**GIVEN, "VpcId": ""}, "GivenNetworkIsNamed"),
        ({**GIVEN, "SubnetIds": ""}, "GivenNetworkIsNamed"),
        ({**GIVEN, "SecurityGroupIds": ""}, "GivenNetworkIsNamed"),
        ({"DbConnectionUri": "postgresql://h/d"}, "OwnDatabaseIsMigratedAsItsOwner"),
        ({"OwnerConnectionUri": "postgresql://h/d"}, "MadeDatabaseHasItsOwnAddresses"),
        ({**TURBOPUFFER, "TurbopufferKey": ""}, "TurbopufferIsReached"),
        ({**TURBOPUFFER, "TurbopufferRegion": ""}, "TurbopufferIsReached"),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused(given: dict[str, str], rule: str):
    assert broken(given) == {rule}


def test_every_rule_says_what_to_do():
    for name, rule in declared(PARENT, "Rules").items():
        for assertion in cfn.items([rule], "Assertions"):
            said = str(cfn.table(assertion, name)["AssertDescription"])
            assert any(parameter in said for parameter in declared(PARENT, "Parameters"))
