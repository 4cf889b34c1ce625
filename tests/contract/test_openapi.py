"""Our description of the API beside that of Honcho 3.0.12: every difference is named here, with its reason.

`data/honcho-3.0.12.json` holds operations, parameters and fields of that version as facts; see
`tests/support/openapi_shape.py`.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from infra.local.stack import Stack
from tests.support.openapi_shape import facts

THEIRS: dict[str, str] = json.loads((Path(__file__).parent / "data" / "honcho-3.0.12.json").read_text())


class Deviation(NamedTuple):
    """Patterns for the place, for what is there and for what is here; '-' stands for nothing."""

    place: str
    theirs: str
    ours: str
    reason: str


ANY = r".*"
NEW_OPERATIONS = {
    r"POST /v3/workspaces/\{workspace_id\}/chat": "both SDKs ask a workspace; 3.0.12 does not know the route",
    r"GET /v3/workspaces/\{workspace_id\}/conclusions/\{conclusion_id\}": "both SDKs read one conclusion",
    r"GET /v3/health(/ready)?": "health is described with its prefix, and being ready is another question",
    # No client of theirs calls these, and so none can miss them.
    r"DELETE /v3/workspaces/\{workspace_id\}/peers/\{peer_id\}": "our own: erases a peer",
    r"DELETE /v3/workspaces/.*/messages/\{message_id\}": "our own: erases a message",
    r"GET /v3/workspaces/\{workspace_id\}/dreams(/\{dream_id\})?": "our own: shows what dreams changed",
    r"POST /v3/workspaces/\{workspace_id\}/dreams/\{dream_id\}/undo": "our own: takes back what a dream changed",
    r"GET /v3/workspaces/\{workspace_id\}/usage": "our own: what calls of models cost",
    r"(GET|PUT|DELETE) /v3/workspaces/\{workspace_id\}/budget": "our own: what a workspace may spend",
}
DEVIATIONS = (
    *(Deviation(f"{place}( .*)?", "-", ANY, reason) for place, reason in NEW_OPERATIONS.items()),
    Deviation(".* answer (400|401|402|404|405|409|413|415|429|503)( .*)?", "-", ANY, "every refusal is described"),
    Deviation(r"POST .* answer 201( .*)?", "-", ANY, "what was made is told from what was there"),
    Deviation(r".* answer 422 .*\.detail", "array", "array or string, required", "both shapes it has"),
    Deviation("GET /health( .*)?", ANY, "-", "served at /health as well, described below /v3"),
    Deviation(".* answer 20.*", r"(?P<same>.+)", r"(?P=same), required", "always sent, so always promised"),
    Deviation(r".* answer 20.*\.uid", "-", "string, required", "both SDKs read it; 3.0.12 lacks it"),
    Deviation(
        r".* answer 20.*\.(source_ids|source_message_ids)(\[\])?",
        "-",
        "(array|string), required",
        "both SDKs follow a conclusion to its sources; newer servers name its messages as well",
    ),
    Deviation(r".* answer 20.*\.times_derived", "-", "integer, required", "both SDKs read it; 3.0.12 lacks it"),
    Deviation(r".* answer 20.*\.level", ".* default=explicit", ".* required", "always sent, so there is no default"),
    Deviation(r".*/chat answer 200 .*\.evidence.*", "-", ANY, "both SDKs ask for evidence"),
    Deviation(r".*/chat body .*\.include_evidence", "-", "boolean, default=False", "both SDKs ask for evidence"),
    Deviation(
        r".* body .*\.configuration\.((dialectic|dream|peer_card|summary)(\.custom_instructions)?|custom_instructions)",
        "-",
        "null or (object|string)",
        "both SDKs know these; 3.0.12 drops them",
    ),
    Deviation(".* query page", ".* default=1", ".*maximum=10{16}, default=1", "more pages than an offset can count"),
    Deviation(".* query reverse", "boolean or null,.*", "boolean,.*", "a query cannot say null"),
    Deviation(r".*/context query sessions(\[\])?", ANY, "(array|string).*", "the SDKs' own limits are described too"),
    Deviation(
        ".*/context query tokens", "integer or null, maximum=100000", "integer or null", "the limit is a setting"
    ),
    Deviation(r".*\.summary_type", "string, required", "string, enum=.*", "the two values there are"),
    Deviation(r".*/queue/status .*\.session_id", "null or string", "string, required", "it is the key beside it"),
    Deviation(r".*/scopes/\{scope_id\}/status .*\.\*\..*", "-", ANY, "the fields that the SDKs read are described"),
    Deviation(r"(DELETE|POST) .* answer 20. application/json", "anything, required", "object, required", "now typed"),
    Deviation(r"DELETE .* answer 202 application/json\.message", "-", "string, required", "now typed"),
    Deviation(r"POST /v3/keys answer 200 application/json\.key", "-", "string, required", "now typed"),
    Deviation(r"POST /v3/workspaces body .*\.metadata", "object, default=.*", "object", "a default of {} goes unsaid"),
    Deviation(
        r".*/scopes body .*\.id", "string, minLength=1.*", ".*maxLength=506.*", "with its prefix it is a peer's name"
    ),
    Deviation("POST .* header Idempotency-Key", "-", "null or string, .*", "asking again without happening twice"),
    Deviation(r".*/messages body .*\.content", ".*minLength=0.*", "string, maxLength.*", "no length is shorter than 0"),
)


def differences(ours: dict[str, str]) -> list[tuple[str, str, str]]:
    """Places with what is there and what is here, where these are not the same."""
    both = sorted(THEIRS.keys() | ours.keys())
    return [
        (place, THEIRS.get(place, "-"), ours.get(place, "-")) for place in both if THEIRS.get(place) != ours.get(place)
    ]


def is_named(difference: tuple[str, str, str], deviation: Deviation) -> bool:
    place, theirs, ours = difference
    pattern = f"{deviation.place}\0{deviation.theirs}\0{deviation.ours}"
    return re.fullmatch(pattern, f"{place}\0{theirs}\0{ours}") is not None


@pytest.fixture(scope="module")
def found(stack: Stack) -> list[tuple[str, str, str]]:
    document: dict[str, Any] = httpx.get(f"{stack.base_url}/openapi.json").json()
    return differences(facts(document))


def test_description_of_the_api_differs_only_where_it_is_said(found: list[tuple[str, str, str]]):
    unnamed = [one for one in found if not any(is_named(one, deviation) for deviation in DEVIATIONS)]
    assert unnamed == [], "\n" + "\n".join(f"{place}: {theirs} -> {ours}" for place, theirs, ours in unnamed)


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.place)
def test_each_named_deviation_is_still_one(found: list[tuple[str, str, str]], deviation: Deviation):
    assert any(is_named(one, deviation) for one in found)


def test_every_operation_of_the_other_is_here(stack: Stack):
    """Whatever its shape: a client finds something at each address."""
    document: dict[str, Any] = httpx.get(f"{stack.base_url}/openapi.json").json()
    operations = {place for place, what in THEIRS.items() if what == "operation"} - {"GET /health"}
    assert operations - facts(document).keys() == set()
    assert httpx.get(f"{stack.base_url}/health").json() == {"status": "ok"}
