"""What CloudFormation makes in which order: nothing meets a database that its migration has not seen."""

from collections.abc import Iterator
from typing import Final

from infra.local.intrinsics import names_in
from infra.tools.contract import code
from infra.tools.contract.lambdas import DATABASE, FUNCTION, module, number, several
from infra.tools.contract.render import Resource
from infra.tools.contract.stack import Stack

_CUSTOM: Final = ("Custom::", "AWS::CloudFormation::CustomResource")
_TARGETS: Final = "AWS::RDS::DBProxyTargetGroup"
_LONGEST_ANSWER_S: Final = 3600


def functions_after_migrations(stack: Stack) -> Iterator[str]:
    migrations = _custom(stack)
    migrating = {runs.name for one in migrations.values() if (runs := _served_by(stack, one)) is not None}
    for function in stack.of(FUNCTION):
        is_user = DATABASE in code.reached(module(function)) and function.name not in migrating
        if migrations and is_user and not migrations.keys() & _waits_for(stack, function):
            yield f"{function.label}: may run before the database is migrated; set DependsOn: {', '.join(migrations)}"


def answers(stack: Stack) -> Iterator[str]:
    """CloudFormation waits for a custom resource at least as long as its function may run."""
    for resource in _custom(stack).values():
        function = _served_by(stack, resource)
        waits = number(resource.properties.get("ServiceTimeout"), _LONGEST_ANSWER_S)
        if function is None or function.type != FUNCTION:
            yield f"{resource.label}: no function of this stack answers for it; set ServiceToken"
        elif waits < number(function.properties.get("Timeout"), 3):
            yield f"{resource.label}: ServiceTimeout {waits:.0f} s is below the Timeout of {function.label}"
        if not 1 <= waits <= _LONGEST_ANSWER_S:
            yield f"{resource.label}: ServiceTimeout is from 1 to {_LONGEST_ANSWER_S} s, not {waits:.0f}"


def roles_before_proxies(stack: Stack) -> Iterator[str]:
    """CloudFormation waits until a proxy's target is healthy: until each role that it logs in as is there.

    RDS makes the owner with the cluster; any other comes of a migration, and a proxy that is made before it never
    becomes healthy (the deploy ends after twenty minutes).
    """
    made = _custom(stack).keys()
    for group in stack.of(_TARGETS):
        proxy = stack.behind(group.properties.get("DBProxyName"), group)
        if proxy is None:
            continue
        secrets = (origin for one in several(proxy.properties.get("Auth")) for origin in stack.origins(one, proxy))
        others = sorted({secret.label for secret, attribute in secrets if attribute != "MasterUserSecret.SecretArn"})
        if others and not made & _waits_for(stack, group):
            yield (
                f"{group.label}: logs in with {', '.join(others)}, whose role is not there yet; let it wait for the "
                "custom resource that migrates"
            )


def _waits_for(stack: Stack, resource: Resource) -> set[str]:
    """The resources of the parent that are made before this one, or before the nested stack that it is in."""
    found, waiting = set[str](), [resource.label.partition(".")[0]]
    while waiting:
        name = waiting.pop()
        if name not in found and name in stack.parent.resources:
            found.add(name)
            body = stack.parent.resources[name].body
            waiting += [str(one) for one in several(body.get("DependsOn"))]
            waiting += [used for used, _ in names_in(body.get("Properties"))]
    return found


def _custom(stack: Stack) -> dict[str, Resource]:
    return {name: one for name, one in stack.parent.resources.items() if one.type.startswith(_CUSTOM)}


def _served_by(stack: Stack, resource: Resource) -> Resource | None:
    return stack.behind(resource.properties.get("ServiceToken"), resource)


RULES: Final = (functions_after_migrations, answers, roles_before_proxies)
