"""A stack that asks for keys: what the tool mints opens it, and what it revokes stops opening it."""

import time
from collections.abc import Iterator

import httpx
import pytest

from infra.demo import demo
from infra.local.stack import Stack
from infra.tools.orders.key import key
from tests.support.stack import data_folder

GUARDED = {"AUTH_USE_AUTH": "true", "AUTH_JWT_SECRET": "a secret of these tests, long enough for signing keys"}
_PATIENCE_S = 10.0


@pytest.fixture(scope="module")
def guarded() -> Iterator[Stack]:
    with data_folder() as folder, Stack(folder, settings_env=GUARDED) as running:
        yield running


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GUARDED.items():
        monkeypatch.setenv(name, value)


def _minted(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert key(list(argv)) == 0
    return capsys.readouterr().out.strip()


def _listed(guarded: Stack, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{guarded.base_url}/v3/workspaces/w/peers/list", headers=headers).status_code


def test_key_of_the_tool_opens_its_workspace_in_both_functions_of_the_api(
    guarded: Stack, capsys: pytest.CaptureFixture[str]
):
    token = _minted(capsys, "--workspace", "w", "--expires", "1h")
    assert _listed(guarded, token) == 200
    chat = {"url": f"{guarded.base_url}/v3/workspaces/w/peers/alice/chat", "json": {"query": "Who is alice?"}}
    assert httpx.post(**chat).status_code == 401
    assert httpx.post(**chat, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_revoked_key_stops_opening_the_running_stack(guarded: Stack, capsys: pytest.CaptureFixture[str]):
    token, other = (_minted(capsys, "--workspace", "w") for _ in range(2))
    assert _listed(guarded, token) == 200
    assert key(["revoke", token, "--data", str(guarded.data)]) == 0
    deadline = time.monotonic() + _PATIENCE_S
    while _listed(guarded, token) != 401:
        assert time.monotonic() < deadline, "the revoked key still works"
    assert _listed(guarded, other) == 200


def test_demo_brings_its_own_key(guarded: Stack, capsys: pytest.CaptureFixture[str]):
    assert demo(["--data", str(guarded.data)]) == 0
    assert "peanuts" in capsys.readouterr().out.partition("chat: ")[2]


def test_demo_of_a_server_elsewhere_sends_no_key_of_ours(guarded: Stack, capsys: pytest.CaptureFixture[str]):
    assert demo(["--base-url", guarded.base_url]) == 1
    assert "a bearer token is needed" in capsys.readouterr().err
