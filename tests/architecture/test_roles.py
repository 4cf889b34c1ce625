"""What each function may do: its own queues, its own secrets, its own log, and nothing else."""

from collections.abc import Iterator
from typing import Final

import pytest

from infra.local import cloudformation as cfn
from infra.local.cloudformation import Node
from tests.support.stacks import PARENT, Rendered, rendered

ARN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x"
# Every secret there can be.
FULL: Final = {
    "JwtSecret": ARN,
    "JwtSecretPrevious": ARN,
    "OpenAiKey": ARN,
    "AnthropicKey": ARN,
    "GeminiKey": ARN,
    "TurbopufferKey": ARN,
    "ReadableSecrets": ARN,
}
OWN_DATABASE: Final = {"DbConnectionUri": ARN, "OwnerConnectionUri": ARN}
# Where the code of a function sends wake-ups, and why.
SENDS: Final[dict[str, set[str]]] = {
    "ApiFunction": {"Derive", "Summary", "Dream", "Chores"},  # what a request plans
    "ChatFunction": set(),  # an answer plans nothing
    "DeriverFunction": {"Derive", "Chores"},  # the rest of its unit; an erasure that waited, a webhook that is told
    "SummaryFunction": {"Summary", "Chores"},
    "DreamFunction": {"Dream", "Chores"},
    "ChoresFunction": {"Derive", "Summary", "Chores"},  # an erasure that ends lets its session go on
    "TickFunction": {"Derive", "Summary", "Dream", "Chores"},  # whatever is due
    "MigrateFunction": set(),
}
EATS: Final = {"DeriverFunction": "Derive", "SummaryFunction": "Summary", "DreamFunction": "Dream"} | {
    "ChoresFunction": "Chores"
}
CONSUMING: Final = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ChangeMessageVisibility",
}
OF_THE_DOOR: Final = {"ApiFunction", "ChatFunction"}
SHARED: Final = {"OpenAiKey", "AnthropicKey", "GeminiKey", "TurbopufferKey", "ReadableSecrets"}
# Nothing narrower is taken for these.
FOR_ANY: Final = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def as_list(node: Node) -> list[Node]:
    return node if isinstance(node, list) else [node]


def statements_of(template: Rendered, function: str) -> Iterator[dict[str, Node]]:
    """Every statement of the role of a function, with those of the policies it shares."""
    roles, policies = template.of_type("AWS::IAM::Role"), template.of_type("AWS::IAM::ManagedPolicy")
    role = cfn.target(template.of_type("AWS::Serverless::Function")[function]["Role"])
    documents = [cfn.table(p, role)["PolicyDocument"] for p in cfn.items([roles[role]], "Policies")]
    documents += [
        policies[str(cfn.table(p, role)["Ref"])]["PolicyDocument"]
        for p in cfn.items([roles[role]], "ManagedPolicyArns")
    ]
    for document in documents:
        yield from (cfn.table(one, role) for one in as_list(cfn.table(document, role)["Statement"]))


def allowed(template: Rendered, function: str) -> list[tuple[str, Node]]:
    """Pairs of an action and what it is allowed on."""
    return [
        (str(action), resource)
        for statement in statements_of(template, function)
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]


def name_of(resource: Node) -> str:
    """The parameter, resource or output that an ARN comes from."""
    match resource:
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return attribute.removeprefix("Outputs.") if attribute.startswith("Outputs.") else name
        case {"Fn::Select": [0, {"Fn::Split": ["#", inner]}]}:
            return name_of(inner)
        case _:
            raise AssertionError(resource)


FUNCTIONS: Final = sorted(rendered(PARENT, {}).of_type("AWS::Serverless::Function"))


def test_every_function_is_in_the_tables():
    assert set(SENDS) <= set(FUNCTIONS)


@pytest.mark.parametrize("function", sorted(SENDS))
def test_function_reaches_the_queues_of_its_code_and_no_others(function: str):
    found = {(action, name_of(on)) for action, on in allowed(rendered(PARENT, {}), function) if action[:4] == "sqs:"}
    expected = {("sqs:SendMessage", f"{kind}Queue") for kind in SENDS[function]}
    if function in EATS:
        expected |= {(action, f"{EATS[function]}Queue") for action in CONSUMING}
    assert found == expected


@pytest.mark.parametrize("function", sorted(EATS))
def test_function_is_fed_from_the_queue_it_may_receive_from(function: str):
    one = rendered(PARENT, {}).of_type("AWS::Serverless::Function")[function]
    queues = [
        cfn.properties_of(cfn.table(e, function), function)["Queue"] for e in cfn.table(one["Events"], "").values()
    ]
    assert [cfn.target(queue) for queue in queues] == [f"{EATS[function]}Queue"]


@pytest.mark.parametrize("function", sorted(SENDS))
def test_function_reads_the_secrets_it_is_given_and_no_others(function: str):
    template = rendered(PARENT, FULL)
    found = {name_of(on) for action, on in allowed(template, function) if action == "secretsmanager:GetSecretValue"}
    expected = SHARED | ({"JwtSecret", "JwtSecretPrevious"} if function in OF_THE_DOOR else set())
    expected |= {"AppSecretArn", "OwnerSecretArn"} if function == "MigrateFunction" else {"AppSecretArn"}
    assert found == expected


@pytest.mark.parametrize("function", sorted(SENDS))
def test_function_with_a_database_of_ones_own_reads_the_address_that_it_uses(function: str):
    template = rendered(PARENT, OWN_DATABASE)
    found = {name_of(on) for action, on in allowed(template, function) if action == "secretsmanager:GetSecretValue"}
    expected = {"OwnerConnectionUri"} if function == "MigrateFunction" else {"DbConnectionUri"}
    assert found == expected | ({"KeySecret"} if function in OF_THE_DOOR else set())


def test_secret_that_is_given_as_text_is_in_no_policy():
    given = {"JwtSecret": "text", "JwtSecretPrevious": "text", "DbConnectionUri": "postgresql://h", "Vpc": "none"}
    template = rendered(PARENT, {**given, "OwnerConnectionUri": "postgresql://h"})
    for function in FUNCTIONS:
        assert "secretsmanager:GetSecretValue" not in {action for action, _ in allowed(template, function)}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_writes_its_own_log_only(function: str):
    template = rendered(PARENT, {})
    logging = cfn.table(template.of_type("AWS::Serverless::Function")[function]["LoggingConfig"], function)
    own = str(cfn.table(logging["LogGroup"], function)["Ref"])
    assert own in template.of_type("AWS::Logs::LogGroup")
    found = {(action, name_of(on)) for action, on in allowed(template, function) if action[:5] == "logs:"}
    assert found == {("logs:CreateLogStream", own), ("logs:PutLogEvents", own)}


def test_no_two_functions_share_a_role_or_a_log():
    functions = rendered(PARENT, {}).of_type("AWS::Serverless::Function")
    for key in ("Role", "LoggingConfig"):
        assert len({str(one[key]) for one in functions.values()}) == len(functions)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_allowed_on_everything_that_could_be_narrower(function: str):
    for action, on in allowed(rendered(PARENT, FULL), function):
        assert "*" not in action
        assert on != "*" or action in FOR_ANY or action.startswith("ec2:")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_interfaces_are_lambdas_and_the_code_may_not_touch_them(function: str):
    denied = [one for one in statements_of(rendered(PARENT, {}), function) if one["Effect"] == "Deny"]
    assert len(denied) == 1
    assert "lambda:SourceFunctionArn" in str(denied[0]["Condition"])
    may = {action for action, _ in allowed(rendered(PARENT, {}), function) if action.startswith("ec2:")}
    assert set(as_list(denied[0]["Action"])) == may
    without = rendered(PARENT, {"Vpc": "none", "DbConnectionUri": "x", "OwnerConnectionUri": "x"})
    assert not [action for action, _ in allowed(without, function) if action.startswith("ec2:")]
