"""How often a schedule comes."""

import pytest

from infra.tools.contract.lambdas import every


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("rate(1 minute)", 60),
        ("rate(5 minutes)", 300),
        ("rate(2 hours)", 7200),
        ("rate(1 day)", 86_400),
        ("cron(17 3 * * ? *)", 86_400),
        ("cron(0 * * * ? *)", 3600),
        ("cron(*/5 * * * ? *)", 60),
        ("at(2030-01-01T00:00:00)", None),
        ("whenever", None),
    ],
)
def test_shortest_time_between_two_starts_is_known(expression: str, seconds: float | None):
    assert every(expression) == seconds
