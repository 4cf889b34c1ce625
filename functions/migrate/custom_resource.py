"""The protocol of CloudFormation's custom resources: a request comes as the event, its answer goes to a signed address.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from shared.telemetry.logs import logger

Status = Literal["SUCCESS", "FAILED"]

# CloudFormation takes 4096 bytes of answer: a reason is cut, so that names of any length have room beside it.
_MOST_REASON_BYTES: Final = 1000
_TRY_S: Final = 5.0
_PAUSE_S: Final = 0.5
_ECHOED: Final = ("StackId", "RequestId", "LogicalResourceId")


class NotDelivered(Exception):
    """The answer did not reach CloudFormation."""


@dataclass(frozen=True, slots=True)
class Request:
    """What CloudFormation asks for, and where it waits for the answer. The address is as good as a password."""

    kind: str
    answer_to: str
    echoed: Mapping[str, str]
    physical_id: str


def read(event: object) -> Request | None:
    """The request in an event; None for any other event."""
    if not isinstance(event, dict) or "ResponseURL" not in event:
        return None
    fields = cast(dict[str, str], event)
    echoed = {name: fields[name] for name in _ECHOED}
    # Stays the same for good: with another one CloudFormation would take an update for a replacement.
    ours = f"{fields['StackId'].split('/')[1]}/{fields['LogicalResourceId']}"
    # A deletion names what is deleted; of a resource that never came to be, an id that CloudFormation made up.
    return Request(fields["RequestType"], fields["ResponseURL"], echoed, fields.get("PhysicalResourceId", ours))


def write(
    request: Request, status: Status, *, reason: str | None = None, data: Mapping[str, str] | None = None
) -> bytes:
    """The body of the answer."""
    answer: dict[str, object] = {"Status": status, "PhysicalResourceId": request.physical_id, **request.echoed}
    if reason is not None:
        answer["Reason"] = " ".join(reason.split()).encode()[:_MOST_REASON_BYTES].decode(errors="ignore")
    if data is not None:
        answer["Data"] = dict(data)
    return json.dumps(answer, ensure_ascii=False).encode()


def deliver(body: bytes, address: str, *, seconds: float) -> None:
    """Put the answer where CloudFormation reads it; tries again for `seconds`. Raises `NotDelivered`."""
    ends, pause = time.monotonic() + seconds, _PAUSE_S
    while True:
        left = ends - time.monotonic()
        try:
            _put(body, address, min(_TRY_S, max(left, 0.1)))
            return
        except OSError as error:
            # Of the error only this: its text may repeat the address.
            status = error.code if isinstance(error, urllib.error.HTTPError) else None
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            logger.warning("answer_not_delivered", reason=type(cause).__name__, status=status)
            if status is not None and status < 500:
                raise NotDelivered(f"CloudFormation's address refused the answer with {status}") from None
            if left <= pause:
                raise NotDelivered("CloudFormation's address could not be reached: is there a way to S3?") from None
        time.sleep(pause)
        pause *= 2


def _put(body: bytes, address: str, seconds: float) -> None:
    # The signature is over an empty content type: any other is refused with 403.
    request = urllib.request.Request(address, data=body, method="PUT", headers={"Content-Type": ""})
    with urllib.request.urlopen(request, timeout=seconds):
        pass
