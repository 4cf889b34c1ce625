"""Which key may use which kind of route: the rules of chapter 3 of the wire format, all combinations."""

import itertools

import pytest

from shared.domain.access import Place, Reach, Verdict, judge
from shared.domain.principal import ADMIN, Principal

HERE = Place(workspace="w", peer="a", session="s")
WORKSPACE, PEER = Principal(workspace="w"), Principal(workspace="w", peer="a")
SESSION = Principal(workspace="w", session="s")
BOTH = Principal(workspace="w", peer="a", session="s")

ALL_PAIRS = list(itertools.product(Reach, (WORKSPACE, PEER, SESSION, BOTH)))

# Whose key reaches a place that names exactly what the key names.
REACHED = {
    Reach.EVERYBODY: {WORKSPACE, PEER, SESSION, BOTH},
    Reach.ADMIN: set[Principal](),
    Reach.WORKSPACE: {WORKSPACE},
    Reach.PEER: {WORKSPACE, PEER},
    Reach.SESSION: {WORKSPACE, SESSION, BOTH},
    Reach.MEMBER: {WORKSPACE, SESSION, BOTH},
    Reach.OWN_MEMBERSHIP: {WORKSPACE, SESSION, BOTH},
    Reach.NAMED: {WORKSPACE, PEER, SESSION, BOTH},
}


@pytest.mark.parametrize(("reach", "key"), ALL_PAIRS)
def test_key_at_the_place_it_names(reach: Reach, key: Principal):
    asks_for_membership = key == PEER and reach in (Reach.MEMBER, Reach.OWN_MEMBERSHIP)
    expected = Verdict.ALLOWED if key in REACHED[reach] else Verdict.REFUSED
    assert judge(key, reach, HERE) is (Verdict.IF_MEMBER if asks_for_membership else expected)


@pytest.mark.parametrize(("reach", "key"), ALL_PAIRS)
def test_key_in_another_workspace_reaches_only_what_is_open(reach: Reach, key: Principal):
    elsewhere = Place(workspace="other", peer="a", session="s")
    assert (judge(key, reach, elsewhere) is not Verdict.REFUSED) is (reach is Reach.EVERYBODY)


@pytest.mark.parametrize("reach", [reach for reach in Reach if reach not in (Reach.EVERYBODY, Reach.NAMED)])
@pytest.mark.parametrize("key", [PEER, SESSION, BOTH])
def test_narrow_key_reaches_no_other_peer_or_session(reach: Reach, key: Principal):
    other = Place(workspace="w", peer="b", session="t")
    # A peer may read other sessions only as a member, and never another's membership.
    expected = Verdict.IF_MEMBER if key == PEER and reach is Reach.MEMBER else Verdict.REFUSED
    assert judge(key, reach, other) is expected


@pytest.mark.parametrize("reach", Reach)
def test_admin_reaches_everything(reach: Reach):
    assert judge(ADMIN, reach, HERE) is judge(ADMIN, reach, Place()) is Verdict.ALLOWED


@pytest.mark.parametrize("reach", [reach for reach in Reach if reach is not Reach.EVERYBODY])
def test_principal_without_claims_reaches_nothing(reach: Reach):
    assert judge(Principal(), reach, HERE) is judge(Principal(), reach, Place()) is Verdict.REFUSED


def test_route_without_a_workspace_is_reached_only_where_the_handler_compares_names():
    reached = {reach for reach in Reach if judge(WORKSPACE, reach, Place()) is Verdict.ALLOWED}
    assert reached == {Reach.EVERYBODY, Reach.NAMED}
