"""The doctor, where a stack runs."""

import os
import subprocess
import sys

from infra.bootstrap import ROOT
from infra.local.stack import Stack

_DOCTOR = "import sys; from infra.tools.doctor import doctor; sys.exit(doctor(sys.argv[1:]))"


def test_doctor_with_other_settings_than_the_running_stacks_says_so(stack: Stack):
    command = [sys.executable, "-c", _DOCTOR, "--data", str(stack.data), "--no-models"]
    models = {"LLM_OPENAI_COMPATIBLE_BASE_URL": "http://127.0.0.1:9/v1", "LLM_OPENAI_COMPATIBLE_API_KEY": "hunter2"}
    environment = os.environ | models | {"LLM_DEFAULT_MODEL": "tiny"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "settings      PROBLEM  the running stack was started with others: keyless" in done.stdout
    assert "Here: models custom/tiny" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_doctor_of_a_running_stack_finds_everything_in_order(stack: Stack):
    command = [sys.executable, "-c", _DOCTOR, "--data", str(stack.data)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60, check=False)
    found = {line[:13].strip(): line[14:].split()[0] for line in done.stdout.splitlines()}
    in_order = ("settings", "database", "migrations", "queues", "vector store", "model", "embeddings")
    assert (done.returncode, done.stderr) == (0, "")
    assert found == dict.fromkeys(in_order, "ok") | {"cache": "off", "telemetry": "off"}
