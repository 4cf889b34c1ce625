"""What a failure of AWS is called: as AWS calls it, and else by what the client found."""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from shared.queue.failures import name_of


@pytest.mark.parametrize("code", ["AccessDenied", "AWS.SimpleQueueService.NonExistentQueue"])
def test_failure_is_named_by_the_code_and_not_by_what_it_says(code: str):
    said = "User: arn:aws:iam::123456789012:user/me is not authorized"
    error = ClientError({"Error": {"Code": code, "Message": said}}, "SendMessageBatch")
    assert name_of(error) == code


def test_failure_without_an_answer_is_named_by_its_class():
    assert name_of(ConnectTimeoutError(endpoint_url="https://sqs.eu-west-1.amazonaws.com")) == "ConnectTimeoutError"
