"""Which doors are opened without asking for keys."""

from pathlib import Path

import pytest

from infra.local.code import SourceTree
from infra.local.startup import Options, check_exposure, run
from infra.local.state import Refused
from shared.settings import Settings

OPEN = Settings.model_validate({})
GUARDED = Settings.model_validate({"auth": {"use_auth": True, "jwt_secret": "some secret"}})
ELSEWHERE = ["0.0.0.0", "::", "", "192.168.1.2", "example.org", "localhost.example.org", "127.0.0.1.example.org"]


def _options(host: str, *, insecure: bool = False) -> Options:
    return Options(
        host=host, port=0, insecure=insecure, data=Path(), template=Path(), root=Path(), codebase=SourceTree(Path())
    )


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


def test_run_with_prices_that_no_function_could_read_is_refused(tmp_path: Path, monkeypatch):
    for name in ("DERIVER_FLUSH_ENABLED", "OFFLINE_ENABLED"):
        monkeypatch.setenv(name, "true")
    monkeypatch.setenv("USAGE_PRICES_FILE", str(tmp_path / "none.toml"))
    template = Path(__file__).parents[4] / "template.yaml"
    options = Options("127.0.0.1", 0, False, tmp_path / "data", template, tmp_path, SourceTree(tmp_path))
    with pytest.raises(Refused, match=r"USAGE_PRICES_FILE: .*none.toml: No such file"):
        run(options, lambda _: None, say=print)
    assert not options.data.exists()


def test_run_with_wrong_settings_is_refused_with_all_of_them_before_anything_starts(tmp_path: Path, monkeypatch):
    for name in ("DERIVER_FLUSH_ENABLED", "OFFLINE_ENABLED"):
        # What the launcher adds goes with the test.
        monkeypatch.setenv(name, "true")
    (tmp_path / ".env").write_text("DB_POOL_SIZE=0\nDERIVER_MODLE=x\nAUTH_USE_AUTH=true\n")
    said: list[str] = []
    options = Options(
        "127.0.0.1",
        0,
        insecure=False,
        data=tmp_path / "data",
        template=tmp_path,
        root=tmp_path,
        codebase=SourceTree(tmp_path),
    )
    with pytest.raises(Refused) as caught:
        run(options, lambda _: None, say=said.append)
    assert str(caught.value).splitlines() == [
        "The settings are not valid:",
        "  DB_POOL_SIZE in .env must be a whole number from 1 to 1000.",
        "  AUTH_JWT_SECRET is needed when AUTH_USE_AUTH is true: set it to a long random text.",
    ]
    assert said == ["warning: DERIVER_MODLE in .env is not a setting: did you mean DERIVER_MODEL?"]
    assert not options.data.exists()
