"""What API Gateway will not wait for does not happen."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mangum import Mangum

from functions.api.app import create_app
from shared.backends import Backends

PATH = "/workspaces/late/sessions/s/messages"
MESSAGE = {"messages": [{"peer_id": "ada", "content": "hello"}]}


def answered(backends: Backends, age: timedelta, **headers: str) -> tuple[int, Any]:
    """The answer to an event that the gateway took in a while ago."""
    began = datetime.now(UTC) - age
    given = {"content-type": "application/json", "host": "example.com", **headers}
    event: dict[str, Any] = {
        "resource": "/{proxy+}",
        "path": PATH,
        "httpMethod": "POST",
        "headers": given,
        "multiValueHeaders": {name: [value] for name, value in given.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {
            "stage": "v3",
            "identity": {"sourceIp": "127.0.0.1"},
            "requestTimeEpoch": int(began.timestamp() * 1000),
        },
        "body": json.dumps(MESSAGE),
        "isBase64Encoded": False,
    }
    context: Any = None
    answer = Mangum(create_app(backends), lifespan="off")(event, context)
    return answer["statusCode"], json.loads(answer["body"])


def stored(backends: Backends) -> list[str]:
    with backends.db.reading() as conn:
        return [row[0] for row in conn.execute("SELECT id FROM messages WHERE workspace = 'late' ORDER BY seq")]


@pytest.mark.parametrize("age_s", [26, 40])
def test_batch_that_reaches_its_commit_too_late_to_be_answered_is_503_and_not_written(backends: Backends, age_s: int):
    before = stored(backends)
    status, body = answered(backends, timedelta(seconds=age_s))
    assert status == 503
    assert "nothing was changed" in body["detail"]
    assert stored(backends) == before


def test_batch_in_time_and_batch_with_a_key_at_any_time_are_written(backends: Backends):
    status, [made] = answered(backends, timedelta(seconds=5))
    assert status == 201
    assert stored(backends) == [made["id"]]
    # Its key makes the answer safe to lose.
    first = answered(backends, timedelta(seconds=40), **{"idempotency-key": "k"})
    assert first == answered(backends, timedelta(), **{"idempotency-key": "k"})
    assert len(stored(backends)) == 2
