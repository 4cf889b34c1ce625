"""Logs keep lines whole, dated where they are not JSON, and within their size."""

import re
from pathlib import Path

from infra.local.logs import FunctionLog, Lines, follow, last_lines


def test_lines_when_they_come_in_pieces_are_written_whole(tmp_path: Path):
    path = tmp_path / "F.log"
    lines = Lines(FunctionLog(path))
    for piece in (b'{"a":', b" 1}\npl", b"ain\n", b"rest"):
        lines.feed(piece)
    lines.close()
    json_line, plain, rest = last_lines(path, 10)
    assert json_line == '{"a": 1}'
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} plain", plain)
    assert rest.endswith(" rest")


def test_log_when_full_sets_the_old_aside(tmp_path: Path):
    path = tmp_path / "F.log"
    log = FunctionLog(path, max_bytes=100)
    for number in range(10):
        log.write(b'{"number": %d, "text": "........"}' % number)
    assert path.stat().st_size <= 100
    assert '"number": 9' in path.read_text()
    assert path.with_name("F.log.1").is_file()


def test_follow_when_a_log_grows_or_begins_anew_gives_the_new_lines(tmp_path: Path):
    path, other = tmp_path / "F.log", tmp_path / "G.log"
    path.write_text("old\n")
    other.write_text("")
    lines = follow([path, other], pause_s=0.0)
    assert not other.read_text()
    with path.open("a") as file:
        file.write("one\ntwo\nhal")
    assert [next(lines), next(lines)] == [(path, "one"), (path, "two")]
    path.write_text("new\n")
    assert next(lines) == (path, "new")
