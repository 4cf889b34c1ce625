"""What a function may do, however it is written."""

from typing import Any

import pytest

from infra.tools.contract import grants
from infra.tools.contract.stack import stack

SEND = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}}
QUEUE = {"Type": "AWS::SQS::Queue"}


def allowed(function: dict[str, Any], **resources: Any) -> list[str]:
    template = {"Resources": {"Work": {"Type": "AWS::Serverless::Function", "Properties": function}, "Queue": QUEUE}}
    template["Resources"] |= resources
    of = stack({"": template}, "case", {})
    found = grants.of_function(of, of.parent.resources["Work"])
    return sorted({action for grant in found for action in grant.actions})


def role(**properties: Any) -> dict[str, Any]:
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, **properties}}


OF_A_ROLE = {"Role": {"Fn::GetAtt": ["Own", "Arn"]}}
POLICY = {"PolicyDocument": {"Statement": [SEND]}}


@pytest.mark.parametrize(
    ("function", "resources"),
    [
        ({"Policies": [{"Statement": [SEND]}]}, {}),
        ({"Policies": [{"Ref": "Sends"}]}, {"Sends": {"Type": "AWS::IAM::ManagedPolicy", "Properties": POLICY}}),
        (OF_A_ROLE, {"Own": role(Policies=[{"PolicyName": "own", **POLICY}])}),
        (
            OF_A_ROLE,
            {
                "Own": role(ManagedPolicyArns=[{"Ref": "Sends"}]),
                "Sends": {"Type": "AWS::IAM::ManagedPolicy", "Properties": POLICY},
            },
        ),
        (
            OF_A_ROLE,
            {
                "Own": role(),
                "Sends": {"Type": "AWS::IAM::Policy", "Properties": {**POLICY, "Roles": [{"Ref": "Own"}]}},
            },
        ),
    ],
)
def test_statement_reaches_the_function_wherever_it_is_written(function: dict[str, Any], resources: dict[str, Any]):
    assert allowed(function, **resources) == ["sqs:SendMessage"]


def test_what_is_denied_or_trusted_is_not_allowed():
    denied = {**SEND, "Effect": "Deny"}
    assert allowed(OF_A_ROLE, Own=role(Policies=[{"PolicyDocument": {"Statement": [denied]}}])) == []


def test_policies_of_aws_are_known_by_name_and_by_arn():
    arn = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"}
    by_arn = allowed(OF_A_ROLE, Own=role(ManagedPolicyArns=[arn]))
    assert "ec2:CreateNetworkInterface" in by_arn
    assert by_arn == allowed({"Policies": ["AWSLambdaVPCAccessExecutionRole"]})


def test_role_that_sam_makes_for_a_function_in_a_vpc_may_make_interfaces():
    assert "ec2:CreateNetworkInterface" in allowed({"VpcConfig": {"SubnetIds": ["subnet-1"]}})
    assert allowed({}) == []
