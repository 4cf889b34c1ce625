"""LanceDB through its genuine library: files that several processes share, and what becomes of its errors."""

import subprocess
import sys
from pathlib import Path

import lancedb
import pytest

from infra.bootstrap import ROOT
from shared.domain.errors import IndexUnavailable
from shared.domain.vector import EmbeddingSpace
from shared.vectors.external import ExternalIndex
from shared.vectors.lance import LanceShelf
from tests.support.vectors import ADA, EAST, a_conclusion, ids

SPACE = EmbeddingSpace("m", 3)
WRITE = """
import sys
from tests.contract.vectors.test_lancedb import opened
from tests.support.vectors import a_conclusion
opened(sys.argv[1]).upsert_conclusions([a_conclusion(sys.argv[2])])
"""


def opened(path: Path | str) -> ExternalIndex:
    return ExternalIndex(LanceShelf(str(path)), "prod", lambda: SPACE, list)


def test_what_another_process_wrote_is_found_at_once(tmp_path: Path):
    index = opened(tmp_path)
    index.upsert_conclusions([a_conclusion("here")])
    for name in ("there", "everywhere"):
        subprocess.run([sys.executable, "-c", WRITE, str(tmp_path), name], cwd=ROOT, check=True)
        assert name in ids(index.nearest_conclusions(ADA, [EAST], k=9)[0])


def test_many_small_writes_leave_few_files(tmp_path: Path):
    index = opened(tmp_path)
    for n in range(130):
        index.upsert_conclusions([a_conclusion(f"c{n}")])
    assert len(index.nearest_conclusions(ADA, [EAST], k=200)[0]) == 130
    [folder] = tmp_path.glob("*.lance")
    written = lancedb.connect(tmp_path).open_table(folder.stem)
    assert written.stats()["fragment_stats"]["num_fragments"] < 10


def test_folder_that_cannot_be_made_is_unavailable(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(IndexUnavailable, match="LanceDB"):
        opened(tmp_path / "file" / "below").upsert_conclusions([a_conclusion("c")])


def test_package_that_is_not_installed_is_one_clear_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(IndexUnavailable, match="the package lancedb is not installed: pip install -r infra/local"):
        opened(tmp_path).nearest_messages("w", EAST, k=1)
