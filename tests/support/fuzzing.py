"""Requests nobody would write, made from our own description of the API, and what every answer must be like."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from httpx2 import Response
from hypothesis import strategies as st
from requests import Request
from schemathesis import GenerationMode, checks
from starlette.testclient import TestClient

# Its generic classes are not to be named without four parameters that it leaves open.
Case: TypeAlias = Any
Operation: TypeAlias = Any

_NAMES: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
checks.load_all_checks()
CHECKS: Final[list[Any]] = cast(Any, checks).CHECKS.get_by_names(_NAMES)
MODES: Final = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)

_COLUMNS: Final = (
    "id", "workspace_id", "session_id", "peer_id", "observer_id", "observed_id", "observer", "observed", "created_at",
    "is_active", "token_count", "metadata", "level", "times_derived", "source_ids", "deleted_at", "sync_state",
    "peer_perspective", "AND", "OR", "NOT", "nonsense",
)  # fmt: skip
_OPERATORS: Final = ("gt", "gte", "lt", "lte", "ne", "in", "contains", "icontains", "like", "k", "\x00")
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["*", "ada", "s", "w", "5", "1e5", "2026-01-01", "2026-01-01T00:00:00+14:00", "explicit", "%", ""]
    )
    | st.text(max_size=8)
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_OPERATORS + _COLUMNS), inner, max_size=3)
    ),
    max_leaves=8,
)
FILTERS = st.dictionaries(st.sampled_from(_COLUMNS), _VALUES, max_size=4)
# What databases, indexes and parsers stumble over.
_ODD = st.sampled_from(["\x00", "a\x00b", "", " ", "*", "%", "\\", "'", "ada", "s", "é" * 300]) | st.text(
    st.characters(codec="utf-8"), min_size=600, max_size=3000
)


@st.composite
def requests(
    draw: Callable[..., Any], operation: Operation, mode: GenerationMode, known: Mapping[str, Sequence[str]]
) -> Case:
    """A request for `operation`, right or wrong by its schema, often about things that are `known` to exist."""
    case: Case = draw(operation.as_strategy(mode))
    parameters: Any = case.path_parameters
    if isinstance(parameters, dict):
        for name in sorted(known.keys() & cast(dict[str, Any], parameters).keys()):
            if draw(st.integers(0, 4)):
                parameters[name] = draw(st.sampled_from(known[name]))
    _spoil(draw, case.query)
    body: Any = case.body
    _spoil(draw, body)
    if isinstance(body, dict) and _has_filters(operation) and draw(st.booleans()):
        body["filters"] = draw(FILTERS)
    return case


def ask(client: TestClient, case: Case) -> Response:
    """The answer, as it was checked: no 5xx, as described, and with a `detail` where it refuses."""
    written = Request(**case.as_transport_kwargs(base_url="http://testserver")).prepare()
    body: Any = written.body.encode() if isinstance(written.body, str) else written.body
    answer = client.request(
        str(written.method), str(written.url), content=body, headers=_texts(written.headers), follow_redirects=False
    )
    case.validate_response(answer, checks=CHECKS)
    if answer.status_code >= 400:
        detail = json.loads(answer.content)["detail"]
        assert detail, "a refusal says why"
        assert isinstance(detail, str | list)
        assert not isinstance(detail, list) or answer.status_code == 422
    return answer


def _texts(headers: Any) -> dict[str, str]:
    """As sent: a value may come as bytes."""
    return {str(name): value if isinstance(value, str) else bytes(value).decode() for name, value in headers.items()}


def _spoil(draw: Callable[..., Any], given: Any) -> None:
    """Put something odd in the place of some texts."""
    fields = cast(dict[str, Any], given) if isinstance(given, dict) else {}
    for name, value in fields.items():
        if isinstance(value, str) and not draw(st.integers(0, 3)):
            fields[name] = draw(_ODD)


def _has_filters(operation: Operation) -> bool:
    return operation.path.endswith(("/list", "/query", "/search", "/chat", "/representation", "/sessions"))
