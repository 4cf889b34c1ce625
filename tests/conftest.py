"""What holds for every test: no settings from outside, no network beyond this machine, a marker for each folder."""

import os
import socket
from pathlib import Path
from typing import cast

import pytest
from hypothesis import settings

pytest_plugins = [
    "tests.support.artefact",
    "tests.support.postgres",
    "tests.support.redis_server",
    "tests.support.stack",
]

_TESTS = Path(__file__).parent
_KINDS = ("unit", "integration", "contract", "e2e", "architecture", "load")
# The sections of the settings, and what the model and AWS SDKs read on their own.
_FOREIGN = (
    "ANTHROPIC_", "API_", "APP_", "AUTH_", "AWS_", "BUDGET_", "CACHE_", "CANARY_", "DB_", "DERIVER_", "DIALECTIC_",
    "DREAM_", "EMBEDDING_", "GEMINI_", "GOOGLE_", "GROQ_", "HONCHO_", "LANGFUSE_", "LLM_", "LOG_", "METRICS_",
    "OFFLINE_", "OPENAI_", "OTEL_", "PEER_CARD_", "PG", "POWERTOOLS_", "QUEUE_", "SENTRY_", "SUMMARY_", "TELEMETRY_",
    "TICK_", "TIKTOKEN_", "TURBOPUFFER_", "USAGE_", "VECTOR_STORE_", "VLLM_", "WEBHOOK_",
)  # fmt: skip

# At import, before any test module: handlers read their settings when they are imported.
for _name in [name for name in os.environ if name.startswith(_FOREIGN)]:
    del os.environ[_name]
# Without a key, boto3 would ask the network who it is.
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(_TESTS.parent / ".dev" / "cache" / "hypothesis")
# A busy machine is no reason to fail: an example may take its time.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the folder it is in."""
    for item in items:
        kind = item.path.relative_to(_TESTS).parts[0]
        if kind not in _KINDS:
            raise pytest.UsageError(f"{item.path} is in no folder of tests: {', '.join(_KINDS)}")
        item.add_marker(kind)


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count the tests of a ring that is missing here under its name, so that the closing line tells which one."""
    reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
    ring, named, _ = reason.removeprefix("Skipped: ").partition(" ring:")
    return (f"skipped of the {ring} ring", "s", "SKIPPED") if named else None


@pytest.fixture(autouse=True)
def _reach(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit and architecture tests connect to nothing; all others to this machine only."""
    pure = any(request.node.get_closest_marker(kind) for kind in ("unit", "architecture"))
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = str(cast("tuple[object, ...]", address)[0]) if isinstance(address, tuple) else "localhost"
        if pure or host not in ("127.0.0.1", "::1", "localhost"):
            raise PermissionError(f"this test may not connect to {address!r}")
        connect(self, address)  # pyright: ignore[reportArgumentType]  # whatever the caller gave

    monkeypatch.setattr(socket.socket, "connect", guarded)
