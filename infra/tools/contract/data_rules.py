"""Databases and networks: closed to the world, encrypted, kept when the stack goes, and of a size that exists."""

from collections.abc import Iterator
from typing import Final

from infra.local.cloudformation import table
from infra.tools.contract.grants import several
from infra.tools.contract.lambdas import is_true, number
from infra.tools.contract.stack import Stack

_CLUSTER: Final = "AWS::RDS::DBCluster"
_INSTANCE: Final = "AWS::RDS::DBInstance"
_EVERYWHERE: Final = ("0.0.0.0/0", "::/0")
_INGRESS: Final = "AWS::EC2::SecurityGroupIngress"
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


def open_groups(stack: Stack) -> Iterator[str]:
    for group in stack.of("AWS::EC2::SecurityGroup", _INGRESS):
        given = [group.properties] if group.type == _INGRESS else several(group.properties.get("SecurityGroupIngress"))
        for one in given:
            if isinstance(one, dict) and (one.get("CidrIp") in _EVERYWHERE or one.get("CidrIpv6") in _EVERYWHERE):
                yield f"{group.label}: lets the whole world in; name the security group that may"


def private_subnets(stack: Stack) -> Iterator[str]:
    """A database and functions stand where no route leads in from the internet."""
    public = _public_subnets(stack)
    inside = stack.of("AWS::RDS::DBSubnetGroup")
    places = [(group, group.properties.get("SubnetIds")) for group in inside]
    for function in stack.of("AWS::Serverless::Function"):
        network = table(function.properties.get("VpcConfig") or {}, function.label)
        places.append((function, network.get("SubnetIds")))
    for resource, subnets in places:
        for subnet, _ in stack.origins(subnets, resource):
            if subnet.label in public:
                yield f"{resource.label}: stands in {subnet.label}, which has a route to the internet gateway"


def _public_subnets(stack: Stack) -> set[str]:
    open_tables: set[str] = set()
    for route in stack.of("AWS::EC2::Route"):
        gateway = stack.behind(route.properties.get("GatewayId"), route)
        made = stack.behind(route.properties.get("RouteTableId"), route)
        if gateway is not None and gateway.type == "AWS::EC2::InternetGateway" and made is not None:
            open_tables.add(made.label)
    found: set[str] = set()
    for pair in stack.of("AWS::EC2::SubnetRouteTableAssociation"):
        made = stack.behind(pair.properties.get("RouteTableId"), pair)
        subnet = stack.behind(pair.properties.get("SubnetId"), pair)
        if made is not None and made.label in open_tables and subnet is not None:
            found.add(subnet.label)
    return found


RULES: Final = (capacity, closed_databases, kept_databases, open_groups, private_subnets)
