"""What a deleted stack leaves behind: removed where nobody can want it, and told where it stays."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import ClientError

from infra.deploy.account import Account, code_of
from infra.deploy.stack import Event, Resource, describe

CLUSTER: Final = "AWS::RDS::DBCluster"
_SAM_STACK: Final = "aws-sam-cli-managed-default"
_SAM_OUTPUT: Final = "SourceBucket"
# Services write logs into groups that no stack made: their names, or what stands before a slash in them.
_LOGS: Final = {
    "AWS::Lambda::Function": "/aws/lambda/{}",
    "AWS::ApiGateway::RestApi": "API-Gateway-Execution-Logs_{}",
    CLUSTER: "/aws/rds/cluster/{}",
    "AWS::RDS::DBProxy": "/aws/rds/proxy/{}",
}
# Of the account and not of this stack: other stacks may rely on them, and they cost nothing.
_MEANT_TO_STAY: Final = {
    "AWS::ApiGateway::Account": "API Gateway's setting for logs, which is one for the whole account",
    "AWS::IAM::Role": "the role that this setting names",
}
_LAYER: Final = "AWS::Lambda::LayerVersion"
# arn:aws:lambda:<region>:<account>:layer:<name>:<version>
_LAYER_COLONS: Final = 7
_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Remains:
    """What was cleared away, what stays on purpose, and what stays although it should not; sentences all."""

    cleared: tuple[str, ...]
    kept: tuple[str, ...]
    unwanted: tuple[str, ...]


def clear(
    account: Account,
    stack: str,
    had: Sequence[Resource],
    happened: Sequence[Event],
    *,
    bucket: str | None,
    snapshots: Collection[str],
) -> Remains:
    """Look for everything that can outlive a stack, and remove what should not.

    `had` are the resources of the stack before, `happened` the events of its life; `snapshots` are those that
    were there before it began, and stay.
    """
    cleared = [
        *_layers(account, had, happened),
        *_snapshots(account, had, snapshots),
        *_logs(account, had),
        *_artefacts(account, bucket or _bucket_of_sam(account), stack),
    ]
    skipped = {event.physical: event for event in happened if event.status == "DELETE_SKIPPED"}.values()
    kept = [f"{text} ({one.physical})" for kind, text in _MEANT_TO_STAY.items() for one in skipped if one.kind == kind]
    kept += [f"the snapshot {name}" for name in sorted(snapshots)]
    kept += list(_pending_secrets(account, had))
    known = {*_MEANT_TO_STAY, _LAYER}
    unwanted = [f"{one.path} ({one.kind}): {one.physical}" for one in skipped if one.kind not in known]
    return Remains(tuple(cleared), tuple(kept), (*unwanted, *_interfaces(account, had)))


def _layers(account: Account, had: Sequence[Resource], happened: Sequence[Event]) -> Iterator[str]:
    """SAM keeps each version of a layer. Only those of this stack: another one may have layers of the same name."""
    client = account.client("lambda")
    arns = {
        one.physical for one in (*had, *happened) if one.kind == _LAYER and one.physical.count(":") == _LAYER_COLONS
    }
    for arn in sorted(arns):
        client.delete_layer_version(LayerName=arn.split(":")[-2], VersionNumber=int(arn.split(":")[-1]))
    if arns:
        yield f"{len(arns)} versions of layers"


def clusters(had: Sequence[Resource]) -> list[str]:
    return [one.physical for one in had if one.kind == CLUSTER and one.physical]


def snapshots_of(account: Account, had: Sequence[Resource]) -> set[str]:
    """The snapshots that somebody or something made of the database, beside the automatic ones that go with it."""
    return {
        str(one["DBClusterSnapshotIdentifier"])
        for cluster in clusters(had)
        for page in account.pages(
            "rds", "describe_db_cluster_snapshots", DBClusterIdentifier=cluster, SnapshotType="manual"
        )
        for one in page["DBClusterSnapshots"]
    }


def _snapshots(account: Account, had: Sequence[Resource], before: Collection[str]) -> Iterator[str]:
    """CloudFormation makes one of each database that it deletes, whoever deletes it and why."""
    for name in sorted(snapshots_of(account, had) - set(before)):
        account.client("rds").delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
        yield f"the snapshot {name} that the deletion made"


def _logs(account: Account, had: Sequence[Resource]) -> Iterator[str]:
    client, gone = account.client("logs"), 0
    for name in [_LOGS[one.kind].format(one.physical) for one in had if one.kind in _LOGS and one.physical]:
        for page in account.pages("logs", "describe_log_groups", logGroupNamePrefix=name):
            found = [str(group["logGroupName"]) for group in page["logGroups"]]
            # `honcho` is also how the names of honcho-zero begin.
            for group in [one for one in found if one == name or one.startswith(f"{name}/")]:
                client.delete_log_group(logGroupName=group)
                gone += 1
    if gone:
        yield f"{gone} log groups that services made by themselves"


def _bucket_of_sam(account: Account) -> str | None:
    found = describe(account, _SAM_STACK)
    return None if found is None else found.outputs.get(_SAM_OUTPUT)


def _artefacts(account: Account, bucket: str | None, stack: str) -> Iterator[str]:
    """What deploys uploaded, every version of it. The bucket is SAM's own, and shared by its projects."""
    if bucket is None:
        return
    client, found = account.client("s3"), list[dict[str, str]]()
    try:
        for page in account.pages("s3", "list_object_versions", Bucket=bucket, Prefix=f"{stack}/"):
            found += [
                {"Key": str(one["Key"]), "VersionId": str(one["VersionId"])}
                for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            ]
    except ClientError as error:
        if code_of(error) == "NoSuchBucket":
            return
        raise
    for start in range(0, len(found), _AT_ONCE):
        client.delete_objects(Bucket=bucket, Delete={"Objects": found[start : start + _AT_ONCE], "Quiet": True})
    if found:
        yield f"{len(found)} uploaded objects in the bucket {bucket}"


def _pending_secrets(account: Account, had: Sequence[Resource]) -> Iterator[str]:
    client = account.client("secretsmanager")
    for one in had:
        if one.kind != "AWS::SecretsManager::Secret" or not one.physical:
            continue
        try:
            found = client.describe_secret(SecretId=one.physical)
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                continue
            raise
        if found.get("DeletedDate"):
            yield f"the secret {one.path}, deleted and kept to be restored until {found['DeletedDate']:%Y-%m-%d}"
        else:
            yield f"the secret {one.path} ({one.physical})"


def _interfaces(account: Account, had: Sequence[Resource]) -> Iterator[str]:
    groups = [one.physical for one in had if one.kind == "AWS::EC2::SecurityGroup" and one.physical]
    if groups:
        asked = [{"Name": "group-id", "Values": groups}]
        for page in account.pages("ec2", "describe_network_interfaces", Filters=asked):
            for one in page["NetworkInterfaces"]:
                yield f"the network interface {one['NetworkInterfaceId']}: Lambda gives it back within 40 minutes"
