"""The tree as git sees it."""

import subprocess
from pathlib import Path

from infra.bootstrap import ROOT


def tracked(*patterns: str) -> list[Path]:
    """The paths, relative to the root, that are tracked or would be if everything were added now."""
    # A checkout owned by another account, as in some containers, is read all the same.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run([*command, "--", *patterns], cwd=ROOT, check=True, capture_output=True, text=True)
    paths = {Path(name) for name in listing.stdout.split("\0") if name}
    return sorted(path for path in paths if (ROOT / path).is_file())
