"""Watching a stack until it rests: what happens is told as it happens, and what failed first is found."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from infra.deploy.account import Account, Refused
from infra.deploy.stack import NESTED, Event, Stack, describe, events

POLL_S: Final = 3.0
_QUIET_S: Final = 60.0
_CANCELLED: Final = ("cancelled", "canceled")
_MIGRATION: Final = (
    "The migrations did not run to their end: the log of MigrateFunction says where. The database is as it was before"
    " the first one that failed."
)
# What a reason of AWS means here, by words that stand in it. The first that fits counts.
_ADVICE: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (
        ("CloudWatch Logs role ARN must be set",),
        "API Gateway may not write logs in this account yet: deploy with --parameter ApiGatewayLogRole=set.",
    ),
    (
        ("UnreservedConcurrentExecution",),
        "The account's quota of concurrent executions is too small for what the template reserves (new accounts have"
        " 10): deploy with --parameter Reserve=false, and raise it under Service Quotas, AWS Lambda.",
    ),
    (
        ("LimitExceeded", "quota", "maximum number", "limit"),
        "A quota of the account is used up: raise it under Service Quotas, or delete what is not used.",
    ),
    (
        ("is not authorized to perform", "AccessDenied", "not authorized"),
        "The credentials may not do this: deploy with a role that may make every kind of resource in the template.",
    ),
    (
        ("already exists",),
        "Something of this name is there already, perhaps left from an earlier stack: remove it, or choose another"
        " --stack-name.",
    ),
    (("Cannot find version",), "This region has not that version of Aurora PostgreSQL: choose another region."),
)


@dataclass
class Watch:
    """The events of a stack and of its nested ones, from now on."""

    account: Account
    arn: str
    say: Callable[[str], None] = print
    poll_s: float = POLL_S
    seen: list[Event] = field(default_factory=list[Event])
    before: list[Event] = field(default_factory=list[Event], init=False)
    _places: dict[str, str] = field(default_factory=dict[str, str])
    _keys: set[str] = field(default_factory=set[str])
    _said: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def __post_init__(self) -> None:
        self._places[self.arn] = ""
        # Nested stacks of an earlier deploy have their events, too, and these are not news.
        self.before = self._fetch()
        self.seen.clear()

    def until_rest(self) -> Stack:
        """Tell what happens until the stack is not moving any more: the stack as it is then."""
        began = told = time.monotonic()
        while True:
            stack = describe(self.account, self.arn)
            for event in self._fetch():
                if self._is_news(event):
                    told = time.monotonic()
                    self.say(_line(event, told - began))
            if stack is None:
                raise Refused("The stack is gone: somebody deleted it meanwhile.")
            if not stack.is_moving:
                return stack
            if time.monotonic() - told > _QUIET_S:
                told = time.monotonic()
                self.say(f"  {told - began:5.0f} s  still at work: {', '.join(self._unfinished()) or 'starting'}")
            time.sleep(self.poll_s)

    def _is_news(self, event: Event) -> bool:
        """What begins ends soon, or is named when it does not; and a nested stack says everything twice."""
        said = (event.path, event.status)
        if said in self._said or (event.status.endswith("_IN_PROGRESS") and not event.is_of_stack):
            return False
        self._said.add(said)
        return True

    def _fetch(self) -> list[Event]:
        """What is new, oldest first. A nested stack is watched from the event on that names it."""
        fresh: list[Event] = []
        waiting = list(self._places.items())
        while waiting:
            arn, above = waiting.pop()
            for event in self._new_of(arn, above):
                fresh.append(event)
                if event.kind == NESTED and event.physical and event.physical not in self._places:
                    self._places[event.physical] = f"{event.path}/"
                    waiting.append((event.physical, f"{event.path}/"))
        fresh.sort(key=lambda event: event.at)
        self.seen += fresh
        return fresh

    def _new_of(self, arn: str, above: str) -> list[Event]:
        found: list[Event] = []
        for event in events(self.account, arn, above):
            if event.key in self._keys:
                break
            found.append(event)
        self._keys.update(event.key for event in found)
        return found

    def _unfinished(self) -> list[str]:
        state = {event.path: event.status for event in self.seen if not event.is_of_stack}
        return [path for path, status in state.items() if status.endswith("_IN_PROGRESS")][:4]


def first_failure(seen: Sequence[Event]) -> Event | None:
    """What went wrong first, and not what was broken off because of it. The parts before the stacks around them."""
    failed = [event for event in seen if event.status.endswith("_FAILED")]
    real = [event for event in failed if not any(word in event.reason.lower() for word in _CANCELLED)]
    return min(real or failed, key=lambda event: (event.is_of_stack, event.at), default=None)


def advice(failed: Event) -> str:
    """What to do about a failure; empty where nothing is known."""
    if failed.kind.startswith(("Custom::", "AWS::CloudFormation::CustomResource")):
        return _MIGRATION
    reason = failed.reason.lower()
    return next((text for words, text in _ADVICE if any(word.lower() in reason for word in words)), "")


def _line(event: Event, after_s: float) -> str:
    reason = f": {event.reason}" if event.status.endswith("_FAILED") and event.reason else ""
    return f"  {after_s:5.0f} s  {event.status:<28}{event.path or 'the stack'} ({event.kind}){reason}"
