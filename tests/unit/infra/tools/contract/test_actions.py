"""Which IAM actions there are."""

import pytest

from infra.tools.contract.actions import exists


@pytest.mark.parametrize(
    "action",
    [
        "sqs:SendMessage", "secretsmanager:GetSecretValue", "ec2:CreateNetworkInterface", "xray:PutTraceSegments",
        "lambda:InvokeFunction", "iam:PassRole", "scheduler:UpdateSchedule", "cloudwatch:PutMetricData",
        "rds-db:connect", "logs:PutLogEvents", "kms:Decrypt", "sts:AssumeRole", "ec2:*NetworkInterface*",
    ],
)  # fmt: skip
def test_action_of_a_service_exists(action: str):
    assert exists(action)


@pytest.mark.parametrize(
    "action",
    [
        "sqs:SendMessages",
        "sqs:sendMessage",
        "secretmanager:GetSecretValue",
        "lambda:Invoke*Functions",
        "sqs",
        "sqs:",
        ":x",
    ],
)
def test_action_that_is_misspelt_does_not(action: str):
    assert not exists(action)
