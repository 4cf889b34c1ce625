"""Databases: closed to the world, encrypted, kept when the stack goes, and of a size that exists."""

from collections.abc import Iterator
from typing import Final

from infra.local.cloudformation import table
from infra.tools.contract.lambdas import is_true, number
from infra.tools.contract.stack import Stack

_CLUSTER: Final = "AWS::RDS::DBCluster"
_INSTANCE: Final = "AWS::RDS::DBInstance"
_KEPT: Final = ("Retain", "Snapshot")
_MOST_CAPACITY: Final = 256
_PAUSE_S: Final = (300, 86_400)


def capacity(stack: Stack) -> Iterator[str]:
    for cluster in stack.of(_CLUSTER):
        scaling = table(cluster.properties.get("ServerlessV2ScalingConfiguration") or {}, cluster.label)
        least, most = (number(scaling.get(key), -1) for key in ("MinCapacity", "MaxCapacity"))
        for name, value in (("MinCapacity", least), ("MaxCapacity", most)):
            if not 0 <= value <= _MOST_CAPACITY or value * 2 % 1:
                yield f"{cluster.label}: {name} goes from 0 to {_MOST_CAPACITY} in halves, not {scaling.get(name)}"
        if most < max(1, least):
            yield f"{cluster.label}: MaxCapacity must be at least 1 and at least MinCapacity, not {most:g}"
        pause = scaling.get("SecondsUntilAutoPause")
        if pause is not None and least > 0:
            yield f"{cluster.label}: SecondsUntilAutoPause is refused unless MinCapacity is 0"
        if pause is not None and not _PAUSE_S[0] <= number(pause, 0) <= _PAUSE_S[1]:
            yield f"{cluster.label}: SecondsUntilAutoPause is from 300 to 86400, not {pause}"


def closed_databases(stack: Stack) -> Iterator[str]:
    for database in stack.of(_CLUSTER, _INSTANCE):
        if is_true(database.properties.get("PubliclyAccessible")):
            yield f"{database.label}: is reachable from the internet; set PubliclyAccessible: false"
    for cluster in stack.of(_CLUSTER):
        if not is_true(cluster.properties.get("StorageEncrypted")):
            yield f"{cluster.label}: its storage is not encrypted; set StorageEncrypted: true"
        if "MasterUserPassword" in cluster.properties:
            yield f"{cluster.label}: has its password in the template; set ManageMasterUserPassword: true instead"
    for proxy in stack.of("AWS::RDS::DBProxy"):
        if not is_true(proxy.properties.get("RequireTLS")):
            yield f"{proxy.label}: takes connections in the clear; set RequireTLS: true"


def kept_databases(stack: Stack) -> Iterator[str]:
    for cluster in stack.of(_CLUSTER):
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if cluster.body.get(policy) not in _KEPT:
                yield f"{cluster.label}: {policy} must be Snapshot or Retain; nobody deletes a memory by the way"


RULES: Final = (capacity, closed_databases, kept_databases)
