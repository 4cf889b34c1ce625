"""Keys that end before their time."""

from collections.abc import Generator
from dataclasses import replace

import pytest

from shared.backends import Backends
from shared.domain.errors import Unauthorized
from shared.domain.principal import ADMIN, Principal
from shared.memory.keys import Revocations, issue, revoke
from tests.support.backends import FrozenClock, make_backends, make_settings
from tests.support.guarded_world import SECTIONS


@pytest.fixture
def backends(database_dsn: str) -> Generator[Backends]:
    opened = make_backends(database_dsn, settings=make_settings(database_dsn, **SECTIONS), clock=FrozenClock())
    yield opened
    opened.db.close()


def _issued(backends: Backends) -> tuple[str, str]:
    issued = issue(backends.settings.auth, Principal(workspace="w"), now=backends.clock.now())
    return issued.token, issued.key_id


def test_revoke_takes_an_id_and_says_whether_it_was_valid(backends: Backends):
    _, key_id = _issued(backends)
    assert revoke(backends, key_id) == (key_id, True)
    assert revoke(backends, key_id) == (key_id, False)
    assert Revocations(backends).look(key_id) is True


def test_revoke_takes_a_whole_key(backends: Backends):
    token, key_id = _issued(backends)
    assert revoke(backends, token) == (key_id, True)
    assert Revocations(backends).look(key_id) is True


def test_revoke_refuses_a_whole_key_of_somebody_else(backends: Backends):
    token, _ = _issued(backends)
    head, _, signature = token.rpartition(".")
    with pytest.raises(Unauthorized):
        revoke(backends, f"{head}.{signature[::-1]}")


def test_other_keys_stay_valid(backends: Backends):
    revoke(backends, issue(backends.settings.auth, ADMIN, now=backends.clock.now()).key_id)
    assert Revocations(backends).look(_issued(backends)[1]) is False


def test_look_is_remembered_for_two_seconds_and_no_longer(backends: Backends):
    clock = FrozenClock()
    revocations, (_, key_id) = Revocations(replace(backends, clock=clock)), _issued(backends)
    assert revocations.remembered(key_id) is None
    revocations.look(key_id)
    revoke(backends, key_id)
    clock.advance(seconds=1.9)
    assert revocations.remembered(key_id) is False
    clock.advance(seconds=0.2)
    assert revocations.remembered(key_id) is None
    assert revocations.look(key_id) is True
    assert revocations.remembered(key_id) is True


def test_look_is_not_believed_by_a_clock_that_was_set_back(backends: Backends):
    clock = FrozenClock()
    revocations, (_, key_id) = Revocations(replace(backends, clock=clock)), _issued(backends)
    revocations.look(key_id)
    clock.advance(seconds=-60)
    assert revocations.remembered(key_id) is None
