"""What an AWS account holds and answers, beside its stacks."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from tests.support.aws.bucket import Buckets
from tests.support.aws.functions import Functions
from tests.support.aws.protocol import Answer, Call, Fault, Params
from tests.support.aws.stacks import Stack, Stacks

NUMBER = "123456789012"


@dataclass
class LocalAccount:
    """One account in one region. `refusal` is how AWS answers every call, where it refuses this caller."""

    region: str = "eu-west-1"
    key_id: str = "AKIATESTS"
    executions: int = 1000
    refusal: Fault | None = None
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    pending_secrets: set[str] = field(default_factory=set[str])
    clusters: dict[str, bool] = field(default_factory=dict[str, bool])
    snapshots: dict[str, str] = field(default_factory=dict[str, str])
    log_groups: set[str] = field(default_factory=set[str])
    layers: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    interfaces: list[Params] = field(default_factory=list[Params])
    buckets: Buckets = field(default_factory=Buckets)
    functions: Functions = field(default_factory=Functions)

    def __post_init__(self) -> None:
        place = f"{self.region}:{NUMBER}"
        self.stacks = Stacks(self.buckets.objects, place, on_delete=self._unmake)

    def admit(self, key_id: str) -> None:
        """Raises `Fault` for a caller who is not let in."""
        if self.refusal is not None:
            raise self.refusal
        if key_id != self.key_id:
            raise Fault("InvalidClientTokenId", "The security token included in the request is invalid.", 403)

    def serve(self, call: Call) -> Params:
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", call.operation).lower().replace("dbcluster", "db_cluster")
        operation: Callable[[Params], Params] | None = getattr(self, f"_{call.service}_{name}", None)
        if operation is None:
            raise Fault("InvalidAction", f"this account does not know {call.service}.{call.operation}")
        return operation(call.params)

    def serve_lambda(self, method: str, target: str, body: bytes) -> Answer:
        if called := re.fullmatch(r"/2015-03-31/functions/([^/]+)/invocations", target):
            return self.functions.invoke(called[1], body)
        if target.startswith("/2016-08-19/account-settings"):
            limit = f'{{"ConcurrentExecutions":{self.executions},"UnreservedConcurrentExecutions":{self.executions}}}'
            return Answer(200, f'{{"AccountLimit":{limit}}}'.encode(), "application/json")
        found = re.fullmatch(r"/2018-10-31/layers/([^/]+)/versions(?:/(\d+))?(?:\?.*)?", target)
        if found is None:
            raise Fault("InvalidAction", f"this account does not know {method} {target}")
        versions = self.layers.setdefault(found[1], set())
        if method == "DELETE":
            versions.discard(int(found[2]))
            return Answer(204, b"", "application/json")
        listed = ",".join(f'{{"Version":{number}}}' for number in sorted(versions))
        return Answer(200, f'{{"LayerVersions":[{listed}]}}'.encode(), "application/json")

    def _sts_get_caller_identity(self, asked: Params) -> Params:
        return {"UserId": "U", "Account": NUMBER, "Arn": f"arn:aws:iam::{NUMBER}:user/tester"}

    def _cloudformation_describe_stacks(self, asked: Params) -> Params:
        return {"Stacks": [self._described(self.stacks.look(asked["StackName"]))]}

    def _cloudformation_describe_stack_events(self, asked: Params) -> Params:
        return {"StackEvents": list(reversed(self.stacks.find(asked["StackName"]).events))}

    def _cloudformation_create_change_set(self, asked: Params) -> Params:
        return self.stacks.create_change_set(asked)

    def _cloudformation_describe_change_set(self, asked: Params) -> Params:
        return {name: value for name, value in self.stacks.change_set(asked).items() if name != "_"}

    def _cloudformation_execute_change_set(self, asked: Params) -> Params:
        return self.stacks.execute(asked)

    def _cloudformation_delete_change_set(self, asked: Params) -> Params:
        one = self.stacks.change_set(asked)
        del self.stacks.find(one["StackId"]).change_sets[one["ChangeSetId"]]
        return {}

    def _cloudformation_delete_stack(self, asked: Params) -> Params:
        return self.stacks.delete(asked)

    def _cloudformation_get_template_summary(self, asked: Params) -> Params:
        declared: Params = self.stacks.find(asked["StackName"]).document.get("Parameters", {})
        return {"Parameters": [{"ParameterKey": name} for name in declared]}

    def _cloudformation_update_termination_protection(self, asked: Params) -> Params:
        stack = self.stacks.find(asked["StackName"])
        stack.is_protected = asked["EnableTerminationProtection"]
        return {"StackId": stack.arn}

    def _cloudformation_list_stack_resources(self, asked: Params) -> Params:
        now = datetime.now(UTC)
        listed = [
            {
                "LogicalResourceId": name,
                "PhysicalResourceId": physical,
                "ResourceType": kind,
                "LastUpdatedTimestamp": now,
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for name, (kind, physical) in self.stacks.find(asked["StackName"]).resources.items()
        ]
        return {"StackResourceSummaries": listed}

    def _secretsmanager_get_secret_value(self, asked: Params) -> Params:
        arn = asked["SecretId"]
        if arn not in self.secrets:
            raise Fault("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return {"ARN": arn, "Name": arn.rpartition(":")[2], "SecretString": self.secrets[arn]}

    def _secretsmanager_describe_secret(self, asked: Params) -> Params:
        if asked["SecretId"] not in self.pending_secrets:
            raise Fault("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return {"ARN": asked["SecretId"], "DeletedDate": datetime.now(UTC)}

    def _rds_describe_db_clusters(self, asked: Params) -> Params:
        name = asked["DBClusterIdentifier"]
        if name not in self.clusters:
            raise Fault("DBClusterNotFoundFault", f"DBCluster {name} not found.", 404)
        return {"DBClusters": [{"DBClusterIdentifier": name, "DeletionProtection": self.clusters[name]}]}

    def _rds_modify_db_cluster(self, asked: Params) -> Params:
        self.clusters[asked["DBClusterIdentifier"]] = asked["DeletionProtection"]
        return {}

    def _rds_create_db_cluster_snapshot(self, asked: Params) -> Params:
        self.snapshots[asked["DBClusterSnapshotIdentifier"]] = asked["DBClusterIdentifier"]
        return {}

    def _rds_describe_db_cluster_snapshots(self, asked: Params) -> Params:
        wanted, cluster = asked.get("DBClusterSnapshotIdentifier"), asked.get("DBClusterIdentifier")
        found = [
            {"DBClusterSnapshotIdentifier": name, "DBClusterIdentifier": of, "Status": "available"}
            for name, of in self.snapshots.items()
            if wanted in (None, name) and cluster in (None, of)
        ]
        if wanted is not None and not found:
            raise Fault("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot {wanted} not found", 404)
        return {"DBClusterSnapshots": found}

    def _rds_delete_db_cluster_snapshot(self, asked: Params) -> Params:
        del self.snapshots[asked["DBClusterSnapshotIdentifier"]]
        return {}

    def _logs_describe_log_groups(self, asked: Params) -> Params:
        names = sorted(name for name in self.log_groups if name.startswith(asked["logGroupNamePrefix"]))
        return {"logGroups": [{"logGroupName": name} for name in names]}

    def _logs_delete_log_group(self, asked: Params) -> Params:
        self.log_groups.discard(asked["logGroupName"])
        return {}

    def _ec2_describe_network_interfaces(self, asked: Params) -> Params:
        return {"NetworkInterfaces": self.interfaces}

    def _unmake(self, kind: str, physical: str, policy: str) -> str | None:
        """Whether a resource can be deleted: why not, or None after it is gone."""
        if kind == "AWS::RDS::DBCluster":
            if self.clusters.get(physical):
                return "Cannot delete protected Cluster, please disable deletion protection and try again."
            self.clusters.pop(physical, None)
            if policy == "Snapshot":
                self.snapshots[f"{physical}-snapshot-1x2y3z"] = physical
        return None

    def _described(self, stack: Stack) -> Params:
        declared: Params = stack.document.get("Parameters") or {}
        hidden = {name for name in declared if declared[name].get("NoEcho")}
        return {
            "StackId": stack.arn,
            "StackName": stack.name,
            "Description": stack.document.get("Description"),
            "CreationTime": datetime(2026, 11, 28, tzinfo=UTC),
            "StackStatus": stack.status,
            "EnableTerminationProtection": stack.is_protected,
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": "****" if name in hidden else value}
                for name, value in stack.parameters.items()
            ],
            "Tags": stack.tags,
            "Outputs": self._outputs(stack) if stack.status.endswith("_COMPLETE") else [],
        }

    def _outputs(self, stack: Stack) -> list[Params]:
        declared: Params = stack.document.get("Outputs") or {}
        return [{"OutputKey": name, "OutputValue": self._output(stack, name, declared[name])} for name in declared]

    def _output(self, stack: Stack, name: str, output: Params) -> str:
        if name in self.stacks.outputs:
            return self.stacks.outputs[name]
        value = cast(object, output["Value"])
        match value:
            case {"Ref": str(logical)} if logical in stack.resources:
                return stack.resources[logical][1].lower()
            case _:
                return "worked-out"
