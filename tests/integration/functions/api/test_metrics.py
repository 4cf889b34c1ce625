"""What Prometheus reads of the service."""

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from functions.api.app import create_app
from tests.support.backends import offline_backends
from tests.support.workspace_client import WorkspaceClient


@pytest.fixture(scope="module")
def measured(database_dsn: str, owner_dsn: str) -> Iterator[TestClient]:
    with offline_backends(database_dsn, owner_dsn, {"metrics": {"enabled": True}}) as backends:
        yield TestClient(create_app(backends))


def gauge(text: str, name: str, kind: str) -> float:
    found = re.search(rf'^{name}{{kind="{kind}",namespace="honcho"}} (\S+)$', text, re.MULTILINE)
    assert found is not None, text
    return float(found[1])


def test_metrics_show_work_by_kind_and_no_tenant(measured: TestClient):
    WorkspaceClient(measured, "a-tenant").says("s", ("ada", "hello"), ("bob", "hi"))
    answer = measured.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert gauge(answer.text, "honcho_work_items_pending", "derive") == 2
    assert gauge(answer.text, "honcho_work_items_pending", "index") == 1
    assert gauge(answer.text, "honcho_work_items_done_total", "derive") == 0
    assert gauge(answer.text, "honcho_work_oldest_pending_seconds", "derive") >= 0
    assert "a-tenant" not in answer.text
    assert "# TYPE honcho_work_items_pending gauge" in answer.text
    assert (measured.head("/metrics").status_code, measured.head("/metrics").content) == (200, b"")


def test_metrics_that_nobody_wants_are_not_found(client: TestClient):
    answer = client.get("/metrics")
    assert (answer.status_code, answer.text) == (404, "Not Found")
    assert "/v3/metrics" not in client.get("/openapi.json").json()["paths"]
