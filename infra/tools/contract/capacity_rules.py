"""Capacity: however many environments there are, the database has a connection for each, and one to spare."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from infra.local.cloudformation import table
from infra.tools.contract import code
from infra.tools.contract.lambdas import DATABASE, FUNCTION, events, module, number, variables
from infra.tools.contract.render import Resource
from infra.tools.contract.stack import Stack

_SHARE: Final = 0.8
# Aurora's max_connections by MaxCapacity, from its user guide ("Maximum connections for Aurora Serverless v2").
_CONNECTIONS: Final = ((0.5, 90), (1, 189), (4, 823), (8, 1669), (16, 3360), (32, 5000), (256, 5000))
# What AWS keeps it to when MinCapacity is 0 or 0.5.
_CONNECTIONS_WHEN_SMALL: Final = 2000
# A visit may still run when the next one starts, and the account's own deploy runs once.
_AT_ONCE_BY_CLOCK: Final = 2


def bounded(stack: Stack) -> Iterator[str]:
    """A function that is called from outside has a limit of its own: else one flood takes all connections."""
    for function in stack.of(FUNCTION):
        if _uses_database(function) and events(function, "Api", "HttpApi") and _reserved(function) is None:
            yield f"{function.label}: nothing bounds how many of it run at once; set ReservedConcurrentExecutions"


def connections(stack: Stack) -> Iterator[str]:
    clusters = stack.of("AWS::RDS::DBCluster")
    if not clusters:
        return
    most = min(_most_connections(stack, cluster) for cluster in clusters)
    share = min([_SHARE, *(_share_of_proxy(group) for group in stack.of("AWS::RDS::DBProxyTargetGroup"))])
    wanted = {function.label: _at_once(function) for function in stack.of(FUNCTION) if _uses_database(function)}
    total = sum(wanted.values())
    if total > share * most:
        listed = ", ".join(f"{label} {count:.0f}" for label, count in wanted.items())
        yield (
            f"the functions may hold {total:.0f} connections ({listed}), above {share:.0%} of the database's "
            f"{most:.0f}; lower their concurrency or raise MaxCapacity"
        )


def _uses_database(function: Resource) -> bool:
    return DATABASE in code.reached(module(function))


def _reserved(function: Resource) -> float | None:
    given = function.properties.get("ReservedConcurrentExecutions")
    return None if given is None else number(given, 0)


def _at_once(function: Resource) -> float:
    """The connections that its environments may hold together."""
    given = variables(function)
    pool = sum(number(given.get(name), 0) for name in ("DB_POOL_SIZE", "DB_MAX_OVERFLOW"))
    return _environments(function) * max(pool, 1)


def _environments(function: Resource) -> float:
    if (reserved := _reserved(function)) is not None:
        return reserved
    scaling = (table(event.properties.get("ScalingConfig") or {}, event.name) for event in events(function, "SQS"))
    fed = sum(number(one.get("MaximumConcurrency"), 1000) for one in scaling)
    return fed or _AT_ONCE_BY_CLOCK


def _most_connections(stack: Stack, cluster: Resource) -> float:
    """What the database takes: as its parameters say, else as much as Aurora gives for its capacity."""
    group = stack.behind(cluster.properties.get("DBClusterParameterGroupName"), cluster)
    said = (
        None if group is None else table(group.properties.get("Parameters") or {}, group.label).get("max_connections")
    )
    scaling = table(cluster.properties.get("ServerlessV2ScalingConfiguration") or {}, cluster.label)
    given = _given_by_aurora(number(scaling.get("MaxCapacity"), 0), number(scaling.get("MinCapacity"), 0))
    return min(given, number(said, given))


def _given_by_aurora(most: float, least: float) -> float:
    for (low, fewer), (high, more) in pairwise(_CONNECTIONS):
        if most <= high:
            found = fewer + (more - fewer) * max(0.0, most - low) / (high - low)
            return min(found, _CONNECTIONS_WHEN_SMALL) if least <= 0.5 else found
    return _CONNECTIONS[-1][1]


def _share_of_proxy(group: Resource) -> float:
    pool = table(group.properties.get("ConnectionPoolConfigurationInfo") or {}, group.label)
    return number(pool.get("MaxConnectionsPercent"), 100) / 100


RULES: Final = (bounded, connections)
