"""A deploy to its end: the genuine SAM CLI makes a stack whose address leads to a service that really runs."""

import re
from pathlib import Path

import httpx
import pytest

from infra.deploy.deploy import NOT_WORKING, deploy
from infra.local.stack import Stack
from tests.support.aws.deployment import MODEL_KEY, SIGNING, machine
from tests.support.buffering_door import BufferingDoor
from tests.support.stack import data_folder

pytestmark = pytest.mark.slow


def test_deploy_prints_a_key_that_opens_the_service_and_tries_it_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    guarded = {"AUTH_USE_AUTH": "true", "AUTH_JWT_SECRET": SIGNING, "DERIVER_FLUSH_ENABLED": "false"}
    with (
        data_folder() as folder,
        Stack(folder, settings_env=guarded) as service,
        machine(tmp_path, monkeypatch) as here,
    ):
        here.account.stacks.outputs["BaseUrl"] = service.base_url
        ran = here.run(deploy, *here.deploying, "--parameter", MODEL_KEY)
        assert (ran.code, ran.err) == (0, "")
        assert "smoke test: passed" in ran.out
        (key,) = re.findall(r"eyJ[\w.-]+", ran.out)
        listed = f"{service.base_url}/v3/workspaces/list"
        assert httpx.post(listed, json={}).status_code == 401
        assert httpx.post(listed, json={}, headers={"Authorization": f"Bearer {key}"}).status_code == 200

        with BufferingDoor(service.base_url) as door:
            here.account.stacks.outputs["BaseUrl"] = door.url
            ran = here.run(deploy, *here.deploying)
        assert ran.code == NOT_WORKING
        assert "The service is deployed, but the smoke test failed" in ran.err
        assert "does not stream" in ran.err
