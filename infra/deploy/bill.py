"""A month's bill: what a footprint costs under some traffic, line by line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from infra.deploy.footprint import HOURS, Footprint, FunctionFootprint
from infra.deploy.prices import PriceTable

_SECONDS: Final = HOURS * 3600
_MILLION: Final = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is asked of the service in a month. `awake_hours` counts only where the database pauses."""

    requests: float
    messages: float
    chats: float
    storage_gb: float
    awake_hours: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line: so many units of a price."""

    service: str
    unit: str
    quantity: float
    usd: float


# Everything below that is no price and no fact of the template is assumed here, in one place.
# Seconds of one call; most of a worker's time is waiting for a model.
SECONDS: Final[Mapping[str, float]] = {
    "ApiFunction": 0.08,
    "ChatFunction": 6.0,
    "DeriverFunction": 5.0,
    "SummaryFunction": 5.0,
    "DreamFunction": 120.0,
    "ChoresFunction": 0.4,
    "TickFunction": 0.3,
    "MigrateFunction": 30.0,
    "CanaryFunction": 20.0,
}
# Messages to one call: some are read together, and not every one brings a summary or a dream nearer.
MESSAGES_TO: Final[Mapping[str, float]] = {
    "DeriverFunction": 5,
    "SummaryFunction": 15,
    "DreamFunction": 500,
    "ChoresFunction": 2,
}
_DEPLOYS: Final = 4
# Where the visit moves with what is due, there is about one for each dream and each batch that grew old.
_MESSAGES_TO_A_VISIT: Final = 20
# Lambda keeps at least so many long polls of 20 seconds open for each queue, also when nothing comes.
_POLLERS: Final = 5
_POLL_S: Final = 20.0
_REQUESTS_TO_A_WAKE_UP: Final = 3
_IO_TO_A_REQUEST: Final = 20
_IO_TO_A_MESSAGE: Final = 200
_ACU_TO_A_REQUEST_PER_SECOND: Final = 0.1
_LEAST_AWAKE_ACU: Final = 0.5
_LEAST_PROXY_ACU: Final = 8.0
_KB_OF_AN_ANSWER: Final = 4.0
_KB_TO_A_MODEL: Final = 40.0
_KB_OF_LOGS: Final = 1.2
_GB: Final = 1_000_000.0
# Of all calls those that start a new environment, which reads its secrets.
_COLD: Final = 0.02
_SECRETS_TO_A_START: Final = 3
# X-Ray takes the first call of each second and a twentieth of the others.
_SAMPLED: Final = 0.05
_NEW_EACH_DAY: Final = 0.02


def calls(function: FunctionFootprint, traffic: Traffic, *, pauses: bool) -> float:
    """How often a function is called in a month."""
    if function.name in MESSAGES_TO:
        return traffic.messages / MESSAGES_TO[function.name]
    own = {
        "ApiFunction": max(traffic.requests - traffic.chats, 0),
        "ChatFunction": traffic.chats,
        "TickFunction": traffic.messages / _MESSAGES_TO_A_VISIT if pauses else 0,
        "MigrateFunction": _DEPLOYS,
    }
    return own.get(function.name, 0) + function.scheduled


def bill(there: Footprint, traffic: Traffic, table: PriceTable, *, with_free_tier: bool) -> list[Line]:
    """Every line that is not nothing."""
    quantities = [
        *_compute(there, traffic),
        *_database(there, traffic),
        *_network(there, traffic),
        *_watching(there, traffic),
    ]
    lines: list[Line] = []
    for key, quantity in quantities:
        price = table.prices[key]
        paid = max(quantity - (price.free if with_free_tier else 0), 0)
        if paid > 0:
            lines.append(Line(price.service, price.unit, paid, paid * price.usd))
    return lines


def total(lines: Sequence[Line]) -> float:
    return sum(line.usd for line in lines)


def by_service(lines: Sequence[Line]) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in lines:
        found[line.service] = found.get(line.service, 0) + line.usd
    return found


def _all_calls(there: Footprint, traffic: Traffic) -> float:
    return sum(calls(one, traffic, pauses=there.pauses) for one in there.functions)


def _compute(there: Footprint, traffic: Traffic) -> Iterator[tuple[str, float]]:
    yield "lambda.requests", _all_calls(there, traffic) / _MILLION
    worked = {one: calls(one, traffic, pauses=there.pauses) * SECONDS[one.name] for one in there.functions}
    yield "lambda.seconds", sum(seconds * one.memory_gb for one, seconds in worked.items())
    yield "lambda.ready", sum(one.ready * one.memory_gb for one in there.functions) * _SECONDS
    yield "lambda.snapshots", sum(one.memory_gb for one in there.functions if one.keeps_snapshot) * _SECONDS
    yield "door.requests", traffic.requests / _MILLION
    fed = [one for one in there.functions if one.queues]
    woken = sum(calls(one, traffic, pauses=there.pauses) for one in fed) * _REQUESTS_TO_A_WAKE_UP
    polled = sum(one.queues for one in fed) * _POLLERS * _SECONDS / _POLL_S
    yield "sqs.requests", (woken + polled) / _MILLION
    scheduled = sum(calls(one, traffic, pauses=there.pauses) for one in there.functions if one.scheduled)
    yield "schedules", scheduled / _MILLION


def _database(there: Footprint, traffic: Traffic) -> Iterator[tuple[str, float]]:
    instances = there.kinds["AWS::RDS::DBInstance"]
    if not instances:
        return
    hours = min(traffic.awake_hours, HOURS) if there.pauses else HOURS
    busy = traffic.requests / _SECONDS * _ACU_TO_A_REQUEST_PER_SECOND
    acu = max(there.least_acu, _LEAST_AWAKE_ACU) + busy
    yield "aurora.acu", acu * hours * instances
    yield "aurora.storage", traffic.storage_gb
    yield "aurora.io", (traffic.requests * _IO_TO_A_REQUEST + traffic.messages * _IO_TO_A_MESSAGE) / _MILLION
    # The first day's backup is free; each further day keeps what changed in it.
    yield "aurora.backup", traffic.storage_gb * _NEW_EACH_DAY * max(there.backup_days - 1, 0)
    yield "proxy.acu", there.kinds["AWS::RDS::DBProxy"] * max(acu * instances, _LEAST_PROXY_ACU) * HOURS


def _network(there: Footprint, traffic: Traffic) -> Iterator[tuple[str, float]]:
    gateways = there.kinds["AWS::EC2::NatGateway"]
    asked = traffic.chats + sum(traffic.messages / n for name, n in MESSAGES_TO.items() if name != "ChoresFunction")
    yield "nat.hours", gateways * HOURS
    yield "nat.data", asked * _KB_TO_A_MODEL / _GB if gateways else 0
    yield "address.hours", there.kinds["AWS::EC2::EIP"] * HOURS
    yield "endpoint.hours", there.endpoint_zones * HOURS
    yield "transfer.out", (traffic.requests * _KB_OF_AN_ANSWER + asked * _KB_TO_A_MODEL) / _GB


def _watching(there: Footprint, traffic: Traffic) -> Iterator[tuple[str, float]]:
    called = _all_calls(there, traffic)
    logs = (called + traffic.requests) * _KB_OF_LOGS / _GB
    yield "logs.taken", logs
    yield "logs.kept", logs * there.log_days / 30
    yield "metrics", float(there.detailed_metrics)
    yield "alarms", float(there.alarm_metrics)
    yield "alarms.composite", float(there.kinds["AWS::CloudWatch::CompositeAlarm"])
    yield "dashboards", float(there.kinds["AWS::CloudWatch::Dashboard"])
    yield "secrets.kept", float(there.secrets)
    yield "secrets.calls", called * _COLD * _SECRETS_TO_A_START / 10_000
    first = min(called, _SECONDS)
    yield "traces", (first + (called - first) * _SAMPLED) / _MILLION
