"""The SAM template as the local stack needs it: functions, queues, mappings, schedules and routes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from infra.local import cloudformation as cfn
from infra.local.choices import Choices
from infra.local.cloudformation import ACCOUNT, REGION, STACK_NAME, Node

# Resources that mean nothing on one machine; anything else that is not understood is reported.
_CLOUD_ONLY = {
    "AWS::ApiGateway::Account",
    "AWS::CloudFormation::Stack",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::Scheduler::Schedule",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::SecretsManager::Secret",
    "AWS::Serverless::LayerVersion",
    # The launcher migrates before it starts anything.
    "Custom::Migration",
}
# One machine is its own network, and the database is there: what the template makes for them is not.
_HERE: Final = {"Vpc": "none", "DbConnectionUri": "here", "OwnerConnectionUri": "here"}


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """An SQS queue."""

    logical_id: str
    name: str
    fifo: bool
    visibility_timeout_s: int
    dead_letter: str | None
    max_receive_count: int
    attributes: dict[str, str]

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """An event source mapping: which queue invokes a function, and how."""

    queue: str
    batch_size: int
    reports_failures: bool
    max_concurrency: int | None


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """A resource of the REST API and the function that answers it."""

    method: str
    path: str
    function: str


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A Lambda function. `uvicorn` names the ASGI application of one that is a web server of its own.

    `layers` are those of this template, in their order, also those that a condition may leave out.
    """

    logical_id: str
    handler: str
    timeout_s: int
    memory_mb: int
    environment: dict[str, Node]
    mappings: tuple[MappingSpec, ...]
    routes: tuple[RouteSpec, ...]
    schedule_s: float | None
    uvicorn: str | None
    layers: tuple[str, ...] = ()

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.logical_id}"


@dataclass(frozen=True, slots=True)
class Template:
    """What `template.yaml` declares; `ignored` lists the resources the local stack knows nothing about."""

    functions: dict[str, FunctionSpec]
    queues: dict[str, QueueSpec]
    stage: str
    binary_media_types: frozenset[str]
    ignored: tuple[str, ...]

    @property
    def routes(self) -> tuple[RouteSpec, ...]:
        return tuple(route for function in self.functions.values() for route in function.routes)

    def variables(self, function: FunctionSpec, queue_urls: Mapping[str, str]) -> dict[str, str]:
        """The function's environment variables that have a value here.

        A reference to a parameter, or to a mapping by one, has none: that is what an operator sets at a deploy, and
        here sets in the environment, `.env` or `config.toml`.
        """
        found = {name: self._value(node, queue_urls) for name, node in function.environment.items()}
        # An empty one counts as not set; here it would hide what the operator says.
        return {name: value for name, value in found.items() if value}

    def _value(self, node: Node, queue_urls: Mapping[str, str]) -> str | None:
        match node:
            case {"Ref": str(name)}:
                return queue_urls.get(name) or cfn.PSEUDO.get(name)
            case {"Fn::GetAtt": [str(name), "Arn"]} if name in self.queues:
                return self.queues[name].arn
            case {"Fn::Sub": str(text)}:
                return cfn.substituted(text)
            case bool():
                return str(node).lower()
            case str() | int() | float():
                return str(node)
            case _:
                return None


def load(path: Path) -> Template:
    """Read a SAM template, with its parameters as they are by default and a database that is given.

    Raises `TemplateError` for what a local run would have to guess.
    """
    document = cfn.read(path)
    choices = Choices(document, _HERE)
    resources = {
        name: cfn.table(choices.settled(node), name)
        for name, node in cfn.table(document.get("Resources"), "Resources").items()
    }
    common = choices.settled(cfn.table(document.get("Globals") or {}, "Globals").get("Function") or {})
    defaults = cfn.table(common, "Globals.Function")
    queues = {n: _queue(n, r) for n, r in resources.items() if r.get("Type") == "AWS::SQS::Queue"}
    functions = {
        n: replace(_function(n, r, defaults, choices), layers=_layers(document, n))
        for n, r in resources.items()
        if r.get("Type") == "AWS::Serverless::Function"
    }
    doors = [cfn.properties_of(r, n) for n, r in resources.items() if r.get("Type") == "AWS::Serverless::Api"]
    known = {*queues, *functions, *(n for n, r in resources.items() if r.get("Type") == "AWS::Serverless::Api")}
    ignored = (n for n, r in resources.items() if n not in known and r.get("Type") not in _CLOUD_ONLY)
    template = Template(
        functions=functions,
        queues=queues,
        stage=str(doors[0].get("StageName", "")) if doors else "",
        binary_media_types=frozenset(str(t).replace("~1", "/") for t in cfn.items(doors, "BinaryMediaTypes")),
        ignored=tuple(sorted(ignored)),
    )
    _check(template)
    return template


def _check(template: Template) -> None:
    for queue in template.queues.values():
        if queue.dead_letter is not None and queue.dead_letter not in template.queues:
            raise cfn.TemplateError(f"{queue.logical_id}: dead-letter queue {queue.dead_letter} is not declared")
    for function in template.functions.values():
        for mapping in function.mappings:
            queue = template.queues.get(mapping.queue)
            if queue is None:
                raise cfn.TemplateError(f"{function.logical_id}: queue {mapping.queue} is not declared")
            # The service refuses such a mapping: a message would come back while it is still being worked on.
            if queue.visibility_timeout_s < function.timeout_s:
                raise cfn.TemplateError(
                    f"{function.logical_id}: VisibilityTimeout of {queue.logical_id} "
                    f"({queue.visibility_timeout_s} s) is below the function's Timeout ({function.timeout_s} s)"
                )


def _queue(logical_id: str, resource: dict[str, Node]) -> QueueSpec:
    properties = cfn.properties_of(resource, logical_id)
    redrive = cfn.table(properties.get("RedrivePolicy") or {}, logical_id)
    name = cfn.text(properties.get("QueueName"), f"{STACK_NAME}-{logical_id}")
    passed_on = ("DeduplicationScope", "FifoThroughputLimit", "MessageRetentionPeriod", "ContentBasedDeduplication")
    attributes = {key: cfn.attribute(properties[key]) for key in passed_on if key in properties}
    return QueueSpec(
        logical_id=logical_id,
        name=name,
        fifo=properties.get("FifoQueue") is True,
        visibility_timeout_s=cfn.whole(properties.get("VisibilityTimeout"), 30),
        dead_letter=cfn.target(redrive.get("deadLetterTargetArn")) if redrive else None,
        max_receive_count=cfn.whole(redrive.get("maxReceiveCount"), 0),
        attributes=attributes,
    )


def _function(logical_id: str, resource: dict[str, Node], defaults: dict[str, Node], choices: Choices) -> FunctionSpec:
    properties = {**defaults, **cfn.properties_of(resource, logical_id)}
    events = cfn.table(properties.get("Events") or {}, logical_id)
    by_type: dict[str, list[dict[str, Node]]] = {}
    for name, event in events.items():
        declared = cfn.table(event, f"{logical_id}.{name}")
        by_type.setdefault(str(declared.get("Type")), []).append(cfn.properties_of(declared, name))
    metadata = cfn.table(resource.get("Metadata") or {}, logical_id)
    local = cfn.table(metadata.get("Local") or {}, logical_id)
    expressions = [choices.looked_up(s.get("ScheduleExpression")) for s in by_type.get("ScheduleV2", [])]
    schedules = [_rate_s(cfn.text(expression, "")) for expression in expressions]
    return FunctionSpec(
        logical_id=logical_id,
        handler=cfn.text(properties.get("Handler"), ""),
        timeout_s=cfn.whole(properties.get("Timeout"), 3),
        memory_mb=cfn.whole(properties.get("MemorySize"), 128),
        environment={**cfn.variables_of(defaults), **cfn.variables_of(cfn.properties_of(resource, logical_id))},
        mappings=tuple(_mapping(m, choices) for m in by_type.get("SQS", [])),
        routes=tuple(RouteSpec(str(r["Method"]).upper(), str(r["Path"]), logical_id) for r in by_type.get("Api", [])),
        schedule_s=min(schedules) if schedules else None,
        uvicorn=cfn.text(local.get("Uvicorn"), "") or None,
    )


def _layers(document: dict[str, Node], logical_id: str) -> tuple[str, ...]:
    """The layers of this template that a function may have: SAM puts its own behind those of `Globals`."""
    resource = cfn.table(cfn.table(document["Resources"], "Resources")[logical_id], logical_id)
    common = cfn.table(cfn.table(document.get("Globals") or {}, "Globals").get("Function") or {}, "Globals.Function")
    found: list[str] = []
    for layer in (*cfn.items([common], "Layers"), *cfn.items([cfn.properties_of(resource, logical_id)], "Layers")):
        match layer:
            case {"Ref": str(name)} | {"Fn::If": [_, {"Ref": str(name)}, _]}:
                found.append(name)
            case _:
                # Another account's, by its ARN.
                pass
    return tuple(found)


def _mapping(properties: dict[str, Node], choices: Choices) -> MappingSpec:
    scaling = cfn.table(properties.get("ScalingConfig") or {}, "ScalingConfig")
    response_types = properties.get("FunctionResponseTypes")
    maximum = choices.looked_up(scaling.get("MaximumConcurrency"))
    return MappingSpec(
        queue=cfn.target(properties.get("Queue")),
        batch_size=cfn.whole(properties.get("BatchSize"), 10),
        reports_failures=isinstance(response_types, list) and "ReportBatchItemFailures" in response_types,
        max_concurrency=maximum if isinstance(maximum, int) else None,
    )


def _rate_s(expression: str) -> float:
    found = re.fullmatch(r"rate\((\d+) (second|minute|hour|day)s?\)", expression)
    if found is None:
        raise cfn.TemplateError(f"{expression}: only rate(...) schedules run locally")
    return float(found[1]) * {"second": 1, "minute": 60, "hour": 3600, "day": 86400}[found[2]]
