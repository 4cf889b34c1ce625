"""Events as CloudEvents over HTTP: https://github.com/cloudevents/spec, the JSON format, structured or batched."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from shared.domain.json import JsonObject
from shared.domain.version import VERSION
from shared.telemetry import metrics
from shared.telemetry.events import Event
from shared.telemetry.metrics import measure
from shared.telemetry.shipper import Loss, NotSent, Pace, Shipper

if TYPE_CHECKING:
    import httpx

_ONE: Final = "application/cloudevents+json"
_MANY: Final = "application/cloudevents-batch+json"
_TIMEOUT_S: Final = 5.0
# Besides 5xx: what may be otherwise in a moment.
_PASSING: Final = frozenset((408, 425, 429))


class CloudEvents:
    """An event sink that posts to `endpoint`; `share` of the frequent kinds is sent, the rest left out on purpose."""

    def __init__(
        self, endpoint: str, headers: Mapping[str, str], *, namespace: str | None, pace: Pace, share: float = 1.0
    ) -> None:
        self._endpoint = endpoint
        self._headers = dict(headers)
        self._namespace = namespace
        self._share = share
        self._client: httpx.Client | None = None
        self._shipper = Shipper("events", self._send, pace, _lost)

    @property
    def waiting(self) -> int:
        return self._shipper.waiting

    def take(self, event: Event) -> None:
        if event.type.is_frequent and not _is_chosen(event, self._share):
            measure(metrics.EVENTS_SAMPLED_OUT, 1, event.type.name)
            return
        self._shipper.put(event)

    def flush(self, seconds: float) -> None:
        self._shipper.flush(seconds)

    def _send(self, events: Sequence[Event]) -> None:
        import httpx

        shown = [shown_as_json(event, self._namespace) for event in events]
        content, kind = (shown[0], _ONE) if len(shown) == 1 else (shown, _MANY)
        if self._client is None:
            self._client = httpx.Client(timeout=_TIMEOUT_S)
        try:
            answer = self._client.post(
                self._endpoint,
                content=json.dumps(content).encode(),
                headers={**self._headers, "Content-Type": kind},
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotSent(type(error).__name__) from error
        if not answer.is_success:
            status = answer.status_code
            raise NotSent(f"status {status}", is_final=status < 500 and status not in _PASSING)
        for event in events:
            measure(metrics.EVENTS_EMITTED, 1, event.type.name)


def shown_as_json(event: Event, namespace: str | None) -> JsonObject:
    """The envelope and its data."""
    kind, at = event.type, event.at.isoformat()
    source = "/".join(filter(None, ("/honcho", namespace, kind.category)))
    shown: JsonObject = {
        "specversion": "1.0",
        "id": event.id,
        "type": kind.name,
        "source": source,
        "time": at,
        "datacontenttype": "application/json",
        "dataschema": f"urn:honcho-serverless:{kind.name}:{kind.version}",
        "data": {**event.fields, "timestamp": at, "package_version": VERSION},
    }
    # The extension for distributed tracing.
    return shown if event.trace is None else {**shown, "traceparent": event.trace.header}


def _is_chosen(event: Event, share: float) -> bool:
    """By the run where there is one, so that what belongs together is sent or left out together."""
    key = str(event.fields.get("run_id") or event.id)
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) < share * 2**64


def _lost(reason: Loss, count: int) -> None:
    measure(metrics.EVENTS_DROPPED, count, reason)
