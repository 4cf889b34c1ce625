"""CloudFormation: stacks that are made, changed and deleted step by step, a few steps for each look at them."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.aws import uploaded
from tests.support.aws.protocol import Fault, Params

_STEPS_A_LOOK = 15
_UNCHANGED = "The submitted information didn't contain changes. Submit different information to create a change set."


@dataclass
class Stack:
    name: str
    arn: str
    status: str
    document: uploaded.Document = field(default_factory=dict[str, Any])
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    tags: list[Params] = field(default_factory=list[Params])
    resources: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    events: list[Params] = field(default_factory=list[Params])
    change_sets: dict[str, Params] = field(default_factory=dict[str, Params])
    is_protected: bool = False
    steps: deque[Callable[[], None]] = field(default_factory=deque[Callable[[], None]])


@dataclass
class Stacks:
    """All stacks of an account. `failing` maps `Logical` or `Nested/Logical` to the reason it cannot be made for."""

    objects: Mapping[str, bytes]
    place: str
    failing: dict[str, str] = field(default_factory=dict[str, str])
    # Values of outputs that lead out of this account: to a service that really runs.
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    on_delete: Callable[[str, str, str], str | None] = lambda kind, physical, policy: None
    all: list[Stack] = field(default_factory=list[Stack])

    def find(self, name: str) -> Stack:
        for stack in self.all:
            if stack.arn == name or (stack.name == name and stack.status != "DELETE_COMPLETE"):
                return stack
        raise Fault("ValidationError", f"Stack with id {name} does not exist")

    def create_change_set(self, asked: Params) -> Params:
        is_new = asked["ChangeSetType"] == "CREATE"
        stack = self._new(asked["StackName"]) if is_new and not self._is_there(asked["StackName"]) else None
        stack = stack or self.find(asked["StackName"])
        if not is_new and not stack.status.endswith("_COMPLETE"):
            raise Fault("ValidationError", f"Stack:{stack.arn} is in {stack.status} state and can not be updated.")
        url = asked.get("TemplateURL")
        document = uploaded.read(self.objects, url) if url else uploaded.parse(asked["TemplateBody"])
        uploaded.check(document, self.objects)
        if "CAPABILITY_AUTO_EXPAND" not in asked["Capabilities"] and url:
            raise Fault("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_AUTO_EXPAND]")
        values = uploaded.merged(document, asked.get("Parameters", []), stack.parameters)
        arn = f"arn:aws:cloudformation:{self.place}:changeSet/{asked['ChangeSetName']}/1"
        is_empty = not is_new and (document, values) == (stack.document, stack.parameters)
        stack.change_sets[arn] = {
            "ChangeSetName": asked["ChangeSetName"],
            "ChangeSetId": arn,
            "StackId": stack.arn,
            "StackName": stack.name,
            "Status": "FAILED" if is_empty else "CREATE_COMPLETE",
            "StatusReason": _UNCHANGED if is_empty else None,
            "Changes": [] if is_empty else _changes(stack, document, values),
            "ExecutionStatus": "UNAVAILABLE" if is_empty else "AVAILABLE",
            "_": (document, values, asked.get("Tags", [])),
        }
        return {"Id": arn, "StackId": stack.arn}

    def change_set(self, asked: Params) -> Params:
        for stack in self.all:
            for arn, one in stack.change_sets.items():
                if asked["ChangeSetName"] in (arn, one["ChangeSetName"]):
                    return one
        raise Fault("ChangeSetNotFound", f"ChangeSet [{asked['ChangeSetName']}] does not exist", 404)

    def execute(self, asked: Params) -> Params:
        one = self.change_set(asked)
        stack = self.find(one["StackId"])
        is_new = stack.status == "REVIEW_IN_PROGRESS"
        stack.document, stack.parameters, stack.tags = one["_"]
        verb = "CREATE" if is_new else "UPDATE"
        stack.steps.extend(self._make(stack, verb, ""))
        stack.status = f"{verb}_IN_PROGRESS"
        return {}

    def delete(self, asked: Params) -> Params:
        if not self._is_there(asked["StackName"]):
            return {}
        stack = self.find(asked["StackName"])
        if stack.is_protected:
            raise Fault(
                "ValidationError", f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        stack.status = "DELETE_IN_PROGRESS"
        stack.steps.extend(self._unmake(stack))
        return {}

    def look(self, name: str) -> Stack:
        stack = self.find(name)
        for _ in range(min(_STEPS_A_LOOK, len(stack.steps))):
            stack.steps.popleft()()
        return stack

    def _is_there(self, name: str) -> bool:
        return any(name in (s.name, s.arn) and s.status != "DELETE_COMPLETE" for s in self.all)

    def _new(self, name: str) -> Stack:
        arn = f"arn:aws:cloudformation:{self.place}:stack/{name}/{len(self.all)}"
        stack = Stack(name, arn, "REVIEW_IN_PROGRESS")
        self.all.append(stack)
        return stack

    def _make(self, stack: Stack, verb: str, above: str) -> Iterator[Callable[[], None]]:
        """The steps to the end, good or bad; nested stacks stand between the beginning and the end of their own."""
        yield lambda: self._tell(stack, stack.name, "AWS::CloudFormation::Stack", stack.arn, f"{verb}_IN_PROGRESS")
        for name, resource in uploaded.resources(stack.document, stack.parameters):
            kind, physical = self._identity(stack, name, resource)
            yield lambda n=name, k=kind: self._tell(stack, n, k, "", f"{verb}_IN_PROGRESS")
            broken = self.failing.get(f"{above}{name}")
            if kind == "AWS::CloudFormation::Stack" and broken is None:
                nested = self._nested(stack, name, resource)
                physical = nested.arn
                yield lambda n=name, p=physical: self._tell(
                    stack, n, "AWS::CloudFormation::Stack", p, f"{verb}_IN_PROGRESS"
                )
                yield from self._make(nested, verb, f"{name}/")
                if any(path.startswith(f"{name}/") for path in self.failing):
                    broken = f"Embedded stack {nested.arn} was not successfully created: see its events"
            if broken is not None:
                yield from self._break(stack, name, kind, broken, verb)
                return
            yield lambda n=name, k=kind, p=physical: self._made(stack, n, k, p, f"{verb}_COMPLETE")
        yield lambda: self._end(stack, f"{verb}_COMPLETE")

    def _break(self, stack: Stack, name: str, kind: str, reason: str, verb: str) -> Iterator[Callable[[], None]]:
        over = "ROLLBACK" if verb == "CREATE" else "UPDATE_ROLLBACK"
        yield lambda: self._tell(stack, name, kind, "", f"{verb}_FAILED", reason)
        yield lambda: self._tell(stack, "Beside", "AWS::IAM::Role", "", f"{verb}_FAILED", "Resource creation cancelled")
        yield lambda: self._tell(stack, stack.name, "AWS::CloudFormation::Stack", stack.arn, f"{over}_IN_PROGRESS")
        yield lambda: self._end(stack, f"{over}_COMPLETE")

    def _nested(self, stack: Stack, name: str, resource: Params) -> Stack:
        nested = self._new(f"{stack.name}-{name}-1A2B3C")
        nested.document = uploaded.read(self.objects, resource["Properties"]["TemplateURL"])
        uploaded.check(nested.document, self.objects)
        given: Params = resource["Properties"].get("Parameters", {})
        # What is passed on is worked out as far as it is a parameter; whatever else it is, it is something.
        values = {key: _passed(stack, value) for key, value in given.items()}
        pairs = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
        nested.parameters = uploaded.merged(nested.document, pairs, {})
        return nested

    def _identity(self, stack: Stack, name: str, resource: Params) -> tuple[str, str]:
        kind = uploaded.deployed(resource["Type"])
        if kind == "AWS::SecretsManager::Secret":
            return kind, f"arn:aws:secretsmanager:{self.place}:secret:{name}-AbCdEf"
        if kind == "AWS::Lambda::LayerVersion":
            return kind, f"arn:aws:lambda:{self.place}:layer:{name}:1"
        return kind, f"{stack.name}-{name}-1A2B3C".lower() if "RDS" in kind else f"{stack.name}-{name}-1A2B3C"

    def _made(self, stack: Stack, name: str, kind: str, physical: str, status: str) -> None:
        stack.resources[name] = (kind, physical)
        self._tell(stack, name, kind, physical, status)

    def _end(self, stack: Stack, status: str) -> None:
        stack.status = status
        self._tell(stack, stack.name, "AWS::CloudFormation::Stack", stack.arn, status)

    def _unmake(self, stack: Stack) -> Iterator[Callable[[], None]]:
        for name, (kind, physical) in reversed(stack.resources.items()):
            if kind == "AWS::CloudFormation::Stack":
                yield from self._unmake(self.find(physical))
            yield lambda n=name, k=kind, p=physical: self._drop(stack, n, k, p)
        yield lambda: self._gone(stack)

    def _drop(self, stack: Stack, name: str, kind: str, physical: str) -> None:
        resource = stack.document["Resources"][name]
        usual = {"AWS::Lambda::LayerVersion": "Retain", "AWS::RDS::DBCluster": "Snapshot"}.get(kind, "Delete")
        policy = resource.get("DeletionPolicy") or resource.get("Properties", {}).get("RetentionPolicy") or usual
        if kind == "AWS::CloudFormation::Stack" and self.find(physical).status == "DELETE_FAILED":
            self._tell(stack, name, kind, physical, "DELETE_FAILED", f"Embedded stack {physical} was not deleted")
        elif policy == "Retain":
            del stack.resources[name]
            self._tell(stack, name, kind, physical, "DELETE_SKIPPED")
        elif (reason := self.failing.get(f"delete {name}") or self.on_delete(kind, physical, policy)) is not None:
            self._tell(stack, name, kind, physical, "DELETE_FAILED", reason)
        else:
            del stack.resources[name]
            self._tell(stack, name, kind, physical, "DELETE_COMPLETE")

    def _gone(self, stack: Stack) -> None:
        self._end(stack, "DELETE_FAILED" if stack.resources else "DELETE_COMPLETE")

    def _tell(self, stack: Stack, name: str, kind: str, physical: str, status: str, reason: str | None = None) -> None:
        number = sum(len(one.events) for one in self.all)
        stack.events.append(
            {
                "StackId": stack.arn,
                "EventId": str(number),
                "StackName": stack.name,
                "LogicalResourceId": name,
                "PhysicalResourceId": physical,
                "ResourceType": kind,
                "Timestamp": datetime(2026, 11, 28, tzinfo=UTC) + timedelta(seconds=number),
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
        )


def _passed(stack: Stack, value: Any) -> str:
    match value:
        case {"Ref": str(name)}:
            return stack.parameters.get(name, "worked-out")
        case dict():
            return "worked-out"
        case _:
            return str(value)


def _changes(stack: Stack, document: uploaded.Document, values: Mapping[str, str]) -> list[Params]:
    def change(action: str, name: str, kind: str) -> Params:
        replaced = "True" if action == "Modify" and kind == "AWS::SQS::Queue" else None
        what = {"Action": action, "LogicalResourceId": name, "ResourceType": kind, "Replacement": replaced}
        return {"Type": "Resource", "ResourceChange": what}

    wanted = {n: uploaded.deployed(r["Type"]) for n, r in uploaded.resources(document, values)}
    before: Params = stack.document.get("Resources", {})
    added = [change("Add", name, kind) for name, kind in wanted.items() if name not in stack.resources]
    removed = [change("Remove", name, kind) for name, (kind, _) in stack.resources.items() if name not in wanted]
    changed = [n for n in wanted if n in stack.resources and before.get(n) != document["Resources"][n]]
    return [*added, *(change("Modify", name, wanted[name]) for name in changed), *removed]
