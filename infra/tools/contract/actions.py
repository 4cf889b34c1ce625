"""What AWS has, by botocore's descriptions of its services: actions and values. Nothing is asked of AWS."""

from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Final, cast

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from infra.local.cloudformation import Node

# IAM's prefix is not always what botocore calls the service.
_SERVICES: Final = {
    "apigateway": "apigateway",
    "cloudwatch": "cloudwatch",
    "ecr": "ecr",
    "execute-api": "apigatewaymanagementapi",
    "elasticloadbalancing": "elbv2",
    "states": "stepfunctions",
}
# Actions that are no operation of an API, or are called otherwise there.
_WITHOUT_OPERATION: Final = {
    "lambda:InvokeFunction": "the operation is Invoke",
    "lambda:InvokeFunctionUrl": "asked for when a function URL is called",
    "iam:PassRole": "asked for when a role is handed to a service",
    "rds-db:connect": "asked for when a token is used as a password",
    "execute-api:Invoke": "asked for when a route with IAM authorization is called",
}
# Operations that IAM checks under another name.
CHECKED_AS: Final = {
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
    ("sqs", "DeleteMessageBatch"): "sqs:DeleteMessage",
    ("sqs", "ChangeMessageVisibilityBatch"): "sqs:ChangeMessageVisibility",
    ("lambda", "Invoke"): "lambda:InvokeFunction",
}


def exists(action: str) -> bool:
    """Whether it is, or as a pattern matches, an action of its service."""
    prefix, colon, name = action.partition(":")
    if action in _WITHOUT_OPERATION:
        return True
    if not colon or not name:
        return False
    return any(fnmatchcase(operation, name) for operation in operations(_SERVICES.get(prefix, prefix)))


@cache
def operations(service: str) -> frozenset[str]:
    """What a service can be asked; nothing for one that botocore does not know."""
    try:
        model = cast(dict[str, Any], cast(Any, Loader()).load_service_model(service, "service-2"))
    except UnknownServiceError:
        return frozenset()
    return frozenset(model["operations"])


@cache
def enum(service: str, shape: str) -> frozenset[Node]:
    """The values that a service takes for something, from botocore's description of it."""
    model = cast(dict[str, Any], cast(Any, Loader()).load_service_model(service, "service-2"))
    return frozenset(model["shapes"][shape]["enum"])
