"""Keys for a stack on AWS: signed with its own secret, and ended through its own tick."""

from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from infra.tools.orders.key import key
from shared.domain.principal import Principal
from shared.memory.keys import IssuedKey, issue, verify
from shared.settings.sections import AuthSettings
from tests.support.aws.deployment import KEY_SECRET, SIGNING, Machine, machine

WHERE = ("--stack-name", "honcho")
AUTH = AuthSettings(jwt_secret=SecretStr(SIGNING))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Machine]:
    with machine(tmp_path, monkeypatch) as one:
        one.given_stack()
        yield one


def minted(secret: str = SIGNING) -> IssuedKey:
    return issue(AuthSettings(jwt_secret=SecretStr(secret)), Principal(workspace="w"), now=datetime.now(UTC))


def answering(here: Machine, *was_valid: bool) -> list[dict[str, Any]]:
    """What tick is given, which answers that the key was valid until then, or not."""
    answers, given = list(was_valid), list[dict[str, Any]]()

    def answer(event: dict[str, Any]) -> object:
        given.append(event)
        return {"order": event["order"], "was_valid": answers.pop(0)}

    here.account.functions.answer = answer
    return given


def test_key_is_signed_with_the_secret_of_the_stack(here: Machine):
    ran = here.run(key, "--workspace", "w", "--peer", "ada", *WHERE)
    assert ran.code == 0
    [token] = ran.out.splitlines()
    assert verify(AUTH, token, now=datetime.now(UTC)).principal == Principal(workspace="w", peer="ada")
    assert ran.err.endswith(", does not expire\n")
    assert here.account.functions.invoked == []


def test_key_for_a_stack_that_asks_for_none_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with machine(tmp_path, monkeypatch) as elsewhere:
        elsewhere.given_stack("open", UseAuth="false")
        ran = elsewhere.run(key, "--admin", "--stack-name", "open")
    assert (ran.code, ran.out, ran.err) == (1, "", "The stack open asks nobody for keys (UseAuth=false).\n")


def test_key_whose_secret_cannot_be_read_is_none(here: Machine):
    del here.account.secrets[KEY_SECRET]
    ran = here.run(key, "--admin", *WHERE)
    assert (ran.code, ran.out) == (1, "")
    assert "ResourceNotFoundException" in ran.err


@pytest.mark.parametrize("is_whole", [False, True])
def test_revoke_sends_the_id_of_a_key_and_never_the_key(here: Machine, is_whole: bool):
    one, given = minted(), answering(here, True, False)
    named = one.token if is_whole else one.key_id
    ran = here.run(key, "revoke", named, *WHERE)
    assert (ran.code, ran.out) == (0, f"{one.key_id} is revoked, everywhere within seconds.\n")
    assert given == [{"order": "revoke", "workspace": None, "unit": None, "key": one.key_id}]
    assert "was revoked before" in here.run(key, "revoke", named, *WHERE).out


def test_revoke_of_a_key_of_another_stack_or_of_half_a_key_orders_nothing(here: Machine):
    given = answering(here)
    for named in (minted("another secret that is long enough for a key").token, minted().key_id[:-1], "a.b.c"):
        ran = here.run(key, "revoke", named, *WHERE)
        assert (ran.code, ran.out, given) == (1, "", [])
