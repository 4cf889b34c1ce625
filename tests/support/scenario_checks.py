"""What scenarios say must hold, checked on a running stack."""

import json
from collections.abc import Callable
from typing import Any, Final

from tests.support.scenario import Body, Place, frames_of


def check(place: Place, what: Body) -> None:
    """One check, by its only key."""
    [(name, expected)] = what.items()
    CHECKS[name](place, expected)


def _collections(place: Place, expected: dict[str, list[str]]) -> None:
    """Exactly these collections hold exactly so many conclusions, one for each fragment."""
    held: dict[str, list[str]] = {}
    for one in place.ask("POST", "/conclusions/list", {}, size=100)["items"]:
        held.setdefault(f"{one['observer_id']} of {one['observed_id']}", []).append(one["content"])
    assert sorted(held) == sorted(expected), held
    for name, fragments in expected.items():
        assert len(held[name]) == len(fragments), (name, held[name])
        for fragment in fragments:
            assert any(fragment in content for content in held[name]), (name, fragment, held[name])


def _representation(place: Place, what: Body) -> None:
    body = _without(what, "peer")
    _holds(place.ask("POST", f"/peers/{what['peer']}/representation", body)["representation"], what)


def _chat(place: Place, what: Body) -> None:
    """`peer` (none for the workspace), the body, and of the answer: `status`, `has`, `lacks`, `json`, and evidence.

    `reads` and `reads_not` are fragments of conclusions, `from` the sessions of messages, `tools` those used,
    `tools_not` those not.
    """
    path = f"/peers/{what['peer']}/chat" if "peer" in what else "/chat"
    answer = place.send("POST", path, {"include_evidence": True, **_without(what, "peer")})
    assert answer.status_code == what.get("status", 200), answer.text
    if answer.status_code != 200:
        return
    content, evidence = _streamed(answer.text) if what.get("stream") else _whole(answer.json())
    _holds(content, what)
    if "json" in what:
        assert json.loads(content) == what["json"], content
    _evidence(evidence, what)


def _whole(answer: Body) -> tuple[str, Body]:
    return answer["content"] or "", answer["evidence"]


def _streamed(text: str) -> tuple[str, Body]:
    *deltas, last = frames_of(text)
    assert last["done"] is True
    assert all(frame.keys() == {"delta", "done"} and not frame["done"] for frame in deltas), deltas
    return "".join(frame["delta"]["content"] for frame in deltas), last["evidence"]


def _evidence(evidence: Body, what: Body) -> None:
    read = " | ".join(one["content"] for one in evidence["conclusions"])
    for fragment in what.get("reads", []):
        assert fragment in read, (fragment, read)
    for fragment in what.get("reads_not", []):
        assert fragment not in read, (fragment, read)
    used = {one["tool_name"] for one in evidence["tool_calls"]}
    assert used >= set(what.get("tools", [])), used
    assert used.isdisjoint(what.get("tools_not", [])), used
    if "from" in what:
        assert sorted({one["session_id"] for one in evidence["messages"]}) == sorted(what["from"])


def _summaries(place: Place, what: Body) -> None:
    """Which of `short` and `long` there are for a session; `has` are fragments of each."""
    found = place.ask("GET", f"/sessions/{what['session']}/summaries")
    there = {kind: found[f"{kind}_summary"] for kind in ("short", "long") if found[f"{kind}_summary"]}
    assert sorted(there) == sorted(what["kinds"]), found
    for summary in there.values():
        _holds(summary["content"], what)


def _card(place: Place, what: Body) -> None:
    found = place.ask("GET", f"/peers/{what['peer']}/card", target=what.get("target"))
    assert found["peer_card"] == what["lines"]


def _context(place: Place, what: Body) -> None:
    """A session's context by `query`, as one text."""
    found = place.ask("GET", f"/sessions/{what['session']}/context", **what.get("query", {}))
    _holds(json.dumps(found, ensure_ascii=False), what)


def _search(place: Place, what: Body) -> None:
    path = f"/sessions/{what['session']}/search" if "session" in what else "/search"
    found = place.ask("POST", path, {"query": what["query"], "limit": 10})
    _holds(" | ".join(one["content"] for one in found), what)


def _holds(text: str, what: Body) -> None:
    for fragment in what.get("has", []):
        assert fragment in text, (fragment, text)
    for fragment in what.get("lacks", []):
        assert fragment not in text, (fragment, text)


_EXPECTED: Final = ("has", "lacks", "reads", "reads_not", "from", "tools", "tools_not", "json", "status")


def _without(what: Body, *names: str) -> dict[str, Any]:
    """What is sent: everything but what is expected of the answer, and `names`."""
    return {key: value for key, value in what.items() if key not in (*_EXPECTED, *names)}


CHECKS: Final[dict[str, Callable[[Place, Any], None]]] = {
    "collections": _collections,
    "representation": _representation,
    "chat": _chat,
    "summaries": _summaries,
    "card": _card,
    "context": _context,
    "search": _search,
}
