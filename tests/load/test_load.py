"""The load run as issued: sixteen writers for a minute, and five times as many. Never run by default."""

from infra.tools.load import bench


def test_bench_as_it_is_loses_nothing_and_derives_everything_once():
    assert bench([]) == 0
