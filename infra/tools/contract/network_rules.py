"""Networks: nobody comes in, functions reach their database, and what they call is within reach."""

from collections.abc import Iterator
from typing import Final

from infra.local.cloudformation import Node, table
from infra.tools.contract import code
from infra.tools.contract.lambdas import FUNCTION, is_true, module, several, variables
from infra.tools.contract.render import Resource
from infra.tools.contract.stack import Stack

_EVERYWHERE: Final = ("0.0.0.0/0", "::/0")
_GROUP: Final = "AWS::EC2::SecurityGroup"
_INGRESS: Final = "AWS::EC2::SecurityGroupIngress"
# Their usual names have IPv6 addresses, by the user guide of each. Any other service has one at `api.aws` or none, and
# botocore makes such a name up for every service there is.
_OVER_IPV6: Final = ("secretsmanager", "sqs")
_OTHER_NAME: Final = ".api.aws"
_DATABASES: Final = ("AWS::RDS::DBCluster", "AWS::RDS::DBProxy")


def open_groups(stack: Stack) -> Iterator[str]:
    for group in stack.of(_GROUP, _INGRESS):
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


def reach(stack: Stack) -> Iterator[str]:
    """Who is to talk to a database or its proxy is let in there by its security group."""
    for function in stack.of(FUNCTION):
        for database, _ in stack.origins(variables(function).get("DB_CONNECTION_URI"), function):
            if database.type not in _DATABASES:
                continue
            network = table(function.properties.get("VpcConfig") or {}, function.label)
            if not network:
                yield f"{function.label}: stands outside of the network of {database.label}; give it VpcConfig"
            elif not _groups(stack, network.get("SecurityGroupIds"), function) & _let_in(stack, database):
                yield f"{function.label}: no security group of {database.label} lets it in; allow its own on port 5432"
    for proxy in stack.of("AWS::RDS::DBProxy"):
        for cluster in stack.of("AWS::RDS::DBCluster"):
            own = _groups(stack, proxy.properties.get("VpcSecurityGroupIds"), proxy)
            if not own & _let_in(stack, cluster):
                yield f"{proxy.label}: no security group of {cluster.label} lets it in; allow its own on port 5432"


def _groups(stack: Stack, node: Node, near: Resource) -> set[str]:
    """Security groups, those of this stack by label and those of others by id."""
    given = {one for one in several(node) if isinstance(one, str)}
    return given | {group.label for group, _ in stack.origins(node, near) if group.type == _GROUP}


def _let_in(stack: Stack, database: Resource) -> set[str]:
    guards = _groups(stack, database.properties.get("VpcSecurityGroupIds"), database)
    found: set[str] = set()
    for group in stack.of(_GROUP):
        if group.label in guards:
            for one in several(group.properties.get("SecurityGroupIngress")):
                found |= _groups(stack, table(one, group.label).get("SourceSecurityGroupId"), group)
    for entry in stack.of(_INGRESS):
        if _groups(stack, entry.properties.get("GroupId"), entry) & guards:
            found |= _groups(stack, entry.properties.get("SourceSecurityGroupId"), entry)
    return found


def ways_out(stack: Stack) -> Iterator[str]:
    """In a network that is made here and has no NAT, each service that is called has a way of its own."""
    if not stack.of("AWS::EC2::VPC") or stack.of("AWS::EC2::NatGateway"):
        return
    endpoints = [str(one.properties.get("ServiceName")) for one in stack.of("AWS::EC2::VPCEndpoint")]
    for function in stack.of(FUNCTION):
        network = table(function.properties.get("VpcConfig") or {}, function.label)
        by_ipv6 = is_true(network.get("Ipv6AllowedForDualStack")) and bool(
            stack.of("AWS::EC2::EgressOnlyInternetGateway")
        )
        given = variables(function)
        called = {call.service for call in code.calls(module(function))} if network else set[str]()
        for service in sorted(called):
            address = str(given.get(f"AWS_ENDPOINT_URL_{service.upper()}"))
            has_ipv6 = by_ipv6 and (service in _OVER_IPV6 or _OTHER_NAME in address)
            if not has_ipv6 and not any(name.endswith(f".{service}") for name in endpoints):
                yield (
                    f"{function.label}: cannot reach {service} without NAT; set Ipv6AllowedForDualStack and, where its "
                    f"usual name has no IPv6, AWS_ENDPOINT_URL_{service.upper()}, or make an endpoint"
                )
    if not any(name.endswith(".s3") for name in endpoints):
        for resource in stack.resources():
            if resource.type.startswith(("Custom::", "AWS::CloudFormation::CustomResource")):
                yield f"{resource.label}: its answer goes to S3, which nothing without NAT reaches; make an endpoint"


RULES: Final = (open_groups, private_subnets, reach, ways_out)
