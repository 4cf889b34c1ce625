"""A first use makes the environment, a second one leaves it alone, and a failed one says what to do."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.bootstrap import DEVELOP_LOCKS, ROOT

NAMES = [f"probe{number}" for number in range(len(DEVELOP_LOCKS))]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with our tool, and locks of one tiny package each; the wheels are in `wheels`."""
    root = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns("__pycache__", "local", "migrations")
    shutil.copytree(ROOT / "infra", root / "infra", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / "wheels").mkdir()
    for name, lock in zip(NAMES, DEVELOP_LOCKS, strict=True):
        _write_lock(root, lock, name, _wheel(root / "wheels", name))
    # The verb the tests use: it says which Python runs it and whether a locked package can be imported.
    verb = "import sys\nimport probe0\ndef lock(argv):\n    print(sys.prefix)\n    return 0\n"
    (root / "infra" / "tools" / "locks.py").write_text(verb)
    return root


def _wheel(folder: Path, name: str) -> str:
    """Write a wheel with one empty module; returns its hash."""
    path, about = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        rows = [f"{about}/RECORD,,\n"]
        for file, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{file},sha256={digest},{len(text)}\n")
            archive.writestr(file, text)
        archive.writestr(f"{about}/RECORD", "".join(rows))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_lock(root: Path, lock: str, name: str, digest: str) -> None:
    (root / lock).parent.mkdir(parents=True, exist_ok=True)
    (root / lock).write_text(f"{name}==1.0 \\\n    --hash=sha256:{digest}\n")


def _begin(tree: Path) -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHONPATH"))}
    environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tree / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    command = [sys.executable, "-m", "infra", "lock"]
    return subprocess.Popen(
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _use(tree: Path) -> subprocess.CompletedProcess[str]:
    running = _begin(tree)
    out, err = running.communicate(timeout=120)
    return subprocess.CompletedProcess(running.args, running.returncode, out, err)


@pytest.fixture(scope="module")
def prepared(tree: Path) -> Path:
    """The same project after two first uses at the same moment."""
    both = [_begin(tree), _begin(tree)]
    said = [running.communicate(timeout=120) for running in both]
    assert [running.returncode for running in both] == [0, 0], said
    assert [out for out, _ in said] == [f"{tree / '.venv'}\n"] * 2
    assert sum("making .venv" in err for _, err in said) == 1
    return tree


def test_second_use_enters_and_installs_nothing(prepared: Path):
    again = _use(prepared)
    assert (again.stdout, again.stderr) == (f"{prepared / '.venv'}\n", "")


def test_changed_lock_is_installed_and_only_that_one(prepared: Path):
    _write_lock(prepared, DEVELOP_LOCKS[-1], "added", _wheel(prepared / "wheels", "added"))
    used = _use(prepared)
    assert used.returncode == 0, used.stderr
    assert "up to 1 locked packages" in used.stderr
    assert list(prepared.glob(".venv/lib/*/site-packages/added.py"))


def test_wrong_hash_is_refused_with_advice_and_again_the_next_time(prepared: Path):
    lock = prepared / DEVELOP_LOCKS[1]
    right = lock.read_text()
    _wheel(prepared / "wheels", "tampered")
    _write_lock(prepared, DEVELOP_LOCKS[1], "tampered", "0" * 64)
    for _ in range(2):
        used = _use(prepared)
        assert used.returncode == 1
        assert "DO NOT MATCH THE HASHES" in used.stderr
        assert "then run the same command again" in used.stderr
    lock.write_text(right)
    assert _use(prepared).returncode == 0


def test_unfinished_environment_is_made_again(prepared: Path):
    stamp = prepared / ".venv" / "infra.json"
    stamp.write_text(stamp.read_text().replace("true", "false"))
    used = _use(prepared)
    assert used.returncode == 0, used.stderr
    assert "making .venv" in used.stderr


def test_environment_of_somebody_else_is_left_alone(prepared: Path, tmp_path: Path):
    shutil.copytree(prepared, tmp_path / "other", ignore=shutil.ignore_patterns(".venv"))
    (tmp_path / "other" / ".venv").mkdir()
    (tmp_path / "other" / ".venv" / "theirs").touch()
    used = _use(tmp_path / "other")
    assert used.returncode == 1
    assert "was not made by this tool" in used.stderr
    assert (tmp_path / "other" / ".venv" / "theirs").exists()
