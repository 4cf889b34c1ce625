"""A server on this machine that speaks the REST protocol of EventBridge Scheduler, as far as one schedule is moved.

It keeps schedules, checks what AWS checks of them, and says which of them fire; its clock is the test's.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final, cast
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.served import QuietHandler, Served

_AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_SYSTEM: Final[dict[str, Any]] = {
    "ActionAfterCompletion": "NONE",
    "ScheduleExpressionTimezone": "UTC",
    "State": "ENABLED",
}
Answer = tuple[int, dict[str, Any]]
Key = tuple[str, str]


@dataclass
class Made:
    """A schedule as it stands, and whether it has fired since it was set."""

    values: dict[str, Any]
    has_fired: bool = False

    @property
    def at(self) -> datetime | None:
        """When it fires; None when it does not."""
        if self.values["State"] != "ENABLED" or self.has_fired:
            return None
        return _moment(self.values["ScheduleExpression"])


@dataclass
class SchedulerServer(Served):
    """Serves schedules while entered. `asked` are the operations it was asked for, with their schedule's name.

    `refuses` next requests with an error of its own making, after they took effect where `after_effect` says so.
    """

    now: Callable[[], datetime]
    schedules: dict[Key, Made] = field(default_factory=dict[Key, Made])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    refuses: int = 0
    after_effect: bool = False

    def __post_init__(self) -> None:
        super().__init__(_Handler)
        self.lock = Lock()

    def makes(self, group: str, name: str, **values: Any) -> None:
        """What CloudFormation does with AWS::Scheduler::Schedule."""
        target = {"Arn": "arn:aws:lambda:eu-west-1:123456789012:function:tick", "RoleArn": "arn:aws:iam::1:role/r"}
        usual = {
            "Target": target,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ScheduleExpression": "at(2099-12-31T00:00:00)",
        }
        self.schedules[group, name] = Made({**_SYSTEM, "GroupName": group, "Name": name, **usual, **values})

    def fires(self) -> list[str]:
        """The names of those whose time has come, each once."""
        due = [made for made in self.schedules.values() if made.at is not None and made.at <= self.now()]
        for made in due:
            made.has_fired = True
        return [made.values["Name"] for made in due]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Answer:
        """Status and body, as AWS gives them."""
        name = unquote(path.removeprefix("/schedules/"))
        group = body.get("GroupName") or query.get("groupName", ["default"])[0]
        operation = {"GET": "GetSchedule", "PUT": "UpdateSchedule"}.get(method, method)
        with self.lock:
            self.asked.append((operation, name))
            if self.refuses and not self.after_effect:
                self.refuses -= 1
                return 500, {"Message": "try again"}
            status, said = self._answered(operation, (group, name), body)
            if self.refuses:
                self.refuses -= 1
                return 500, {"Message": "try again"}
            return status, said

    def _answered(self, operation: str, key: Key, body: dict[str, Any]) -> Answer:
        if key not in self.schedules:
            return 404, {"Message": f"Schedule {key[1]} does not exist."}
        if operation == "GetSchedule":
            return 200, self.schedules[key].values
        missing = [one for one in ("ScheduleExpression", "Target", "FlexibleTimeWindow") if one not in body]
        if missing or not {"Arn", "RoleArn"} <= set(body["Target"]):
            return 400, {"Message": f"{missing} must not be null"}
        moment = _moment(body["ScheduleExpression"])
        if moment is None or moment <= self.now():
            return 400, {"Message": f"Invalid Schedule Expression {body['ScheduleExpression']}."}
        # All values of the request, and the system's own for those that it leaves out.
        given = {name: value for name, value in body.items() if name != "ClientToken"}
        self.schedules[key] = Made({**_SYSTEM, **given, "GroupName": key[0], "Name": key[1]})
        return 200, {"ScheduleArn": f"arn:aws:scheduler:eu-west-1:123456789012:schedule/{key[0]}/{key[1]}"}


def _moment(expression: str) -> datetime | None:
    found = _AT.fullmatch(expression)
    return datetime.fromisoformat(found[1]).replace(tzinfo=UTC) if found else None


class _Handler(QuietHandler):
    _NAMES: Final = {400: "ValidationException", 404: "ResourceNotFoundException", 500: "InternalServerException"}

    def do_GET(self) -> None:
        self._serve({})

    def do_PUT(self) -> None:
        self._serve(cast(dict[str, Any], json.loads(self.body())))

    def _serve(self, body: dict[str, Any]) -> None:
        where = urlsplit(self.path)
        signed = self.headers.get("Authorization", "")
        if not (signed.startswith("AWS4-HMAC-SHA256 ") and "/scheduler/aws4_request" in signed):
            status, said = 403, dict[str, Any](Message="not signed")
        else:
            status, said = self.server.owner.answer(self.command, where.path, parse_qs(where.query), body)
        kind = {"X-Amzn-ErrorType": self._NAMES[status]} if status in self._NAMES else {}
        self.answer(status, json.dumps(said).encode(), {"Content-Type": "application/json", **kind})
