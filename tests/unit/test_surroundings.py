"""What `conftest.py` promises to every unit test."""

import os
import socket
import subprocess
import sys

import pytest

from infra.bootstrap import ROOT


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1"])
def test_connection_from_a_unit_test_is_refused(host: str):
    with socket.socket() as client, pytest.raises(PermissionError, match="may not connect"):
        client.connect((host, 9))


@pytest.mark.parametrize("name", ["LLM_OPENAI_API_KEY", "AWS_PROFILE", "DB_CONNECTION_URI"])
def test_setting_from_outside_does_not_reach_a_test(name: str):
    outside = {**os.environ, name: "from outside", "PYTHONPATH": str(ROOT)}
    said = f"import os, tests.conftest; print({name!r} in os.environ)"
    run = subprocess.run(
        [sys.executable, "-c", said], cwd=ROOT, env=outside, check=True, capture_output=True, text=True
    )
    assert run.stdout == "False\n"
