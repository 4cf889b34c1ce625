"""Which doors are opened without asking for keys."""

from pathlib import Path

import pytest

from infra.local.startup import Options, check_exposure
from infra.local.state import Refused
from shared.settings import Settings

OPEN = Settings.model_validate({})
GUARDED = Settings.model_validate({"auth": {"use_auth": True, "jwt_secret": "some secret"}})
ELSEWHERE = ["0.0.0.0", "::", "", "192.168.1.2", "example.org", "localhost.example.org", "127.0.0.1.example.org"]


def _options(host: str, *, insecure: bool = False) -> Options:
    return Options(host=host, port=0, insecure=insecure, data=Path(), template=Path(), root=Path())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_door_on_loopback_needs_no_keys(host: str):
    check_exposure(_options(host), OPEN)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_door_that_others_reach_is_refused_without_keys(host: str):
    with pytest.raises(Refused, match="AUTH_USE_AUTH=true, or say --insecure"):
        check_exposure(_options(host), OPEN)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_door_that_others_reach_is_opened_with_keys_or_when_told_so(host: str):
    check_exposure(_options(host), GUARDED)
    check_exposure(_options(host, insecure=True), OPEN)
