"""Metrics that there are, with the sets of dimensions they come in: AWS's by its user guides, ours by the code."""

from functools import cache
from typing import Final

from infra.tools.contract import code
from infra.tools.contract.lambdas import FUNCTION, module
from infra.tools.contract.stack import Stack, declared
from shared.telemetry.metrics import INSTRUMENTS, NAMESPACE, Metric

Dimensions = frozenset[frozenset[str]]


def _sets(*several: str) -> Dimensions:
    return frozenset(frozenset(one.split()) for one in several)


# No description of these is on disk: cfn-lint and botocore know neither metrics nor dimensions.
_OF_AWS: Final[dict[str, tuple[str, Dimensions]]] = {
    "AWS/SQS": (
        "ApproximateAgeOfOldestMessage ApproximateNumberOfGroupsWithInflightMessages "
        "ApproximateNumberOfMessagesDelayed "
        "ApproximateNumberOfMessagesNotVisible ApproximateNumberOfMessagesVisible NumberOfDeduplicatedSentMessages "
        "NumberOfEmptyReceives NumberOfMessagesDeleted NumberOfMessagesReceived NumberOfMessagesSent SentMessageSize",
        _sets("QueueName"),
    ),
    "AWS/Lambda": (
        "Invocations Errors Throttles Duration ConcurrentExecutions UnreservedConcurrentExecutions DeadLetterErrors "
        "AsyncEventsReceived AsyncEventAge AsyncEventsDropped ProvisionedConcurrentExecutions "
        "ProvisionedConcurrencyInvocations ProvisionedConcurrencySpilloverInvocations "
        "ProvisionedConcurrencyUtilization ClaimedAccountConcurrency PostRuntimeExtensionsDuration",
        _sets("", "FunctionName", "FunctionName Resource", "FunctionName Resource ExecutedVersion"),
    ),
    "AWS/ApiGateway": (
        "4XXError 5XXError Count Latency IntegrationLatency CacheHitCount CacheMissCount",
        _sets("ApiName", "ApiName Stage", "ApiName Stage Resource Method"),
    ),
    "AWS/RDS": (
        "ACUUtilization ServerlessDatabaseCapacity DatabaseConnections CPUUtilization FreeableMemory FreeLocalStorage "
        "Deadlocks CommitLatency CommitThroughput ReadLatency WriteLatency ReadIOPS WriteIOPS VolumeBytesUsed "
        "VolumeReadIOPs VolumeWriteIOPs BufferCacheHitRatio DBLoad DBLoadCPU DBLoadNonCPU "
        "MaximumUsedTransactionIDs AuroraReplicaLag SwapUsage TransactionLogsDiskUsage "
        "ClientConnections ClientConnectionsNoTLS ClientConnectionsSetupFailedAuth QueryRequests "
        "DatabaseConnectionsBorrowLatency DatabaseConnectionsCurrentlyBorrowed "
        "DatabaseConnectionsCurrentlyInTransaction DatabaseConnectionsCurrentlySessionPinned "
        "DatabaseConnectionsSetupFailed MaxDatabaseConnectionsAllowed QueryDatabaseResponseLatency "
        "AvailabilityPercentage",
        _sets(
            "DBClusterIdentifier", "DBClusterIdentifier Role", "DBInstanceIdentifier", "ProxyName",
            "ProxyName TargetGroup", "ProxyName TargetGroup Target", "ProxyName TargetGroup TargetRole", "EngineName",
        ),
    ),
    "AWS/Scheduler": (
        "InvocationAttemptCount TargetErrorCount TargetErrorThrottledCount InvocationThrottleCount "
        "InvocationDroppedCount InvocationsSentToDeadLetterCount InvocationsFailedToBeSentToDeadLetterCount",
        _sets("", "ScheduleGroup"),
    ),
    "AWS/NATGateway": (
        "BytesOutToDestination ErrorPortAllocation PacketsDropCount ActiveConnectionCount IdleTimeoutCount",
        _sets("NatGatewayId"),
    ),
}  # fmt: skip


def of_aws(namespace: str) -> dict[str, Dimensions] | None:
    """The metrics of one of AWS's namespaces; None for one that nobody has written down here."""
    if namespace not in _OF_AWS:
        return None
    names, dimensions = _OF_AWS[namespace]
    return dict.fromkeys(names.split(), dimensions)


def code_of(stack: Stack, *, made_or_not: bool = False) -> frozenset[str]:
    """The modules that the functions of a case start with; `made_or_not`: those of every other case, too."""
    functions = declared(stack, FUNCTION) if made_or_not else stack.of(FUNCTION)
    return frozenset(module(function) for function in functions)


@cache
def gauges(entries: frozenset[str]) -> dict[str, Dimensions]:
    """What that code measures for alarms, under the name of the service."""
    emitted = {name for entry in entries for name in code.members_named(entry, Metric.__name__)}
    return {metric.value: _sets("service") for metric in Metric if metric.name in emitted}


def known(entries: frozenset[str], namespace: str) -> dict[str, Dimensions] | None:
    """The metrics of a namespace; in ours those that the code writes. None where nobody has written them down."""
    if namespace != NAMESPACE:
        return of_aws(namespace)
    labelled = {one.name: frozenset({frozenset(("namespace", *one.labels))}) for one in INSTRUMENTS}
    return {**labelled, **gauges(entries)}
