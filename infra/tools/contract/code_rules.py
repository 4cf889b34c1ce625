"""Code and template, both ways: what one uses the other has, and nothing stands there that nobody uses."""

from collections.abc import Iterator
from typing import Final

from infra.tools.contract import code
from infra.tools.contract.actions import CHECKED_AS
from infra.tools.contract.grants import Grant, of_function
from infra.tools.contract.lambdas import FUNCTION, QUEUE, mappings, module, variables
from infra.tools.contract.render import Resource
from infra.tools.contract.stack import Stack
from shared.settings.knobs import by_variable

# Read by what we did not write: the runtime, the Web Adapter, boto3 and Powertools.
_OF_THE_PLATFORM: Final = {
    "AWS_LAMBDA_EXEC_WRAPPER": "the runtime starts the Web Adapter with it",
    "AWS_LWA_INVOKE_MODE": "the Web Adapter",
    "AWS_LWA_READINESS_CHECK_PATH": "the Web Adapter",
    "AWS_LWA_READINESS_CHECK_PORT": "the Web Adapter",
    "AWS_LWA_PORT": "the Web Adapter",
    "AWS_LWA_ASYNC_INIT": "the Web Adapter",
    "PORT": "run.sh, and the Web Adapter",
    "POWERTOOLS_SERVICE_NAME": "Powertools names metrics and logs by it",
    "AWS_ENDPOINT_URL_SCHEDULER": "boto3 calls the service at that address",
    "AWS_USE_DUALSTACK_ENDPOINT": "boto3 goes by IPv6 where it is true",
    "AWS_STS_REGIONAL_ENDPOINTS": "boto3",
    "OTEL_RESOURCE_ATTRIBUTES": "the SDK of OpenTelemetry",
}
# A service is called only where the settings that lead to it are set.
_LED_TO_BY: Final = {"sqs": "QUEUE_", "scheduler": "TICK_SCHEDULE"}
# Actions that IAM asks for beside the one of the call.
_ALONG_WITH: Final = {
    "scheduler:CreateSchedule": "iam:PassRole",
    "scheduler:UpdateSchedule": "iam:PassRole",
}
# What the graph of imports shows and the routes of the template rule out.
_NEVER_COMES_TO: Final = {
    ("functions.api.serve", "sqs:SendMessage"): "its routes answer questions; an answer plans no work",
}
# Checked for each secret, in the rules of secrets.
_ELSEWHERE: Final = "secretsmanager"
# What a role needs for Lambda itself; no code of ours calls it.
_FOR_LAMBDA: Final = {
    "logs:": "standard output goes there",
    "xray:": "traces",
    "ec2:": "interfaces in a VPC",
    "sqs:ReceiveMessage": "the mapping takes messages in the name of the function",
    "sqs:DeleteMessage": "and deletes what was done",
    "sqs:GetQueueAttributes": "and looks how many there are",
    "sqs:ChangeMessageVisibility": "and lets go of what it took too early",
    "kms:Decrypt": "secrets and queues under a key of one's own",
    "secretsmanager:": "in the rules of secrets",
}


def known_variables(stack: Stack) -> Iterator[str]:
    settings = by_variable()
    for function in stack.of(FUNCTION):
        read = code.variables_read(module(function))
        for name in variables(function):
            if name not in settings and name not in _OF_THE_PLATFORM and name not in read:
                yield f"{function.label}: no setting is called {name}, and nothing reads it"


def needed_variables(stack: Stack) -> Iterator[str]:
    """Settings that only a template can know: its own description says so."""
    by_template = {name for name, knob in by_variable().items() if knob.field.description == "set by the template"}
    for function in stack.of(FUNCTION):
        if any(call.service == "sqs" for call in code.calls(module(function))):
            for name in sorted(by_template - variables(function).keys()):
                yield f"{function.label}: its code sends to a queue that {name} names; set that variable"


def queues(stack: Stack) -> Iterator[str]:
    """Each queue that feeds a function is one that the code can send to."""
    named = {
        queue.label
        for function in stack.of(FUNCTION)
        for name, value in variables(function).items()
        if name.startswith(_LED_TO_BY["sqs"]) and (queue := stack.behind(value, function)) is not None
    }
    for _, _, queue in mappings(stack):
        if queue.label not in named:
            yield f"{queue.label}: no QUEUE_* variable names it, so nothing is ever sent to it"


def allowed(stack: Stack) -> Iterator[str]:
    """From the code to the roles: what it calls it may call, on every queue it knows."""
    for function in stack.of(FUNCTION):
        given = of_function(stack, function)
        for action, service in sorted(_needed(function)):
            if not any(action in grant.actions for grant in given):
                yield f"{function.label}: its code calls {action}, which its role does not allow"
            elif service == "sqs":
                yield from _on_its_queues(stack, function, given, action)


def _on_its_queues(stack: Stack, function: Resource, given: list[Grant], action: str) -> Iterator[str]:
    known = _queues_known(stack, function)
    fed = {queue.label for owner, _, queue in mappings(stack) if owner == function}
    reached = {queue for grant in given if action in grant.actions for queue in _queues_of(stack, grant)}
    # What it puts back is its own; which of the others it wakes is for its work to say.
    for label in sorted(fed - reached):
        yield f"{function.label}: its code calls {action} on {label}, which its role does not allow"
    for label in sorted(reached - (known if action == "sqs:SendMessage" else fed)):
        yield f"{function.label}: its role allows {action} on {label}, which its code never asks for; take it out"


def used(stack: Stack) -> Iterator[str]:
    """From the roles to the code: nothing is allowed that nobody calls."""
    for function in stack.of(FUNCTION):
        needed = {action for action, _ in _needed(function)}
        mapped = any(fed == function for fed, _, _ in mappings(stack))
        for grant in of_function(stack, function):
            for action in grant.actions:
                if action not in needed and not _is_for_lambda(action, is_mapped=mapped):
                    yield (
                        f"{function.label}: {grant.near.label} allows {action}, which nothing that it runs "
                        "calls; take it out"
                    )


def _is_for_lambda(action: str, *, is_mapped: bool) -> bool:
    if action.startswith("sqs:"):
        return is_mapped and action in _FOR_LAMBDA
    return action in _FOR_LAMBDA or f"{action.partition(':')[0]}:" in _FOR_LAMBDA


def _needed(function: Resource) -> set[tuple[str, str]]:
    """The actions that the code of a function comes to with the variables that it has, each with its service."""
    found: set[tuple[str, str]] = set()
    for call in code.calls(module(function)):
        start = _LED_TO_BY.get(call.service, "")
        is_set = any(value not in ("", None) for name, value in variables(function).items() if name.startswith(start))
        if call.service != _ELSEWHERE and is_set:
            action = CHECKED_AS.get((call.service, call.operation), f"{call.service}:{call.operation}")
            if (module(function), action) not in _NEVER_COMES_TO:
                found.add((action, call.service))
                if action in _ALONG_WITH:
                    found.add((_ALONG_WITH[action], "iam"))
    return found


def _queues_known(stack: Stack, function: Resource) -> set[str]:
    behind = (stack.behind(value, function) for value in variables(function).values())
    return {queue.label for queue in behind if queue is not None and queue.type == QUEUE}


def _queues_of(stack: Stack, grant: Grant) -> set[str]:
    behind = (stack.behind(target, grant.near) for target in grant.resources)
    return {queue.label for queue in behind if queue is not None and queue.type == QUEUE}


RULES: Final = (known_variables, needed_variables, queues, allowed, used)
