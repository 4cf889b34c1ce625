"""Everything that is said to a database is understood by older ones, too: Aurora has what it has."""

import os
import subprocess
import sys

import pytest

from infra.bootstrap import ROOT
from infra.local.postgres_folder import OLDER

pytestmark = pytest.mark.slow

# These look at how a plan is printed, which is another matter.
_PRINTED = ("test_large_collection_is_counted", "test_many_dimensions_over_the_bound")
_TREES = ("infra/migrations", "shared/store", "shared/vectors")


def test_migrations_and_statements_work_on_the_older_version() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-k", " and ".join(f"not {name}" for name in _PRINTED)]
    done = subprocess.run(
        [*command, *(f"tests/integration/{tree}" for tree in _TREES)],
        cwd=ROOT,
        env=os.environ | {"TEST_POSTGRES": OLDER},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
