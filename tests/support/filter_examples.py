"""The worked examples of the filter language: five messages, what a filter selects of them, and what is refused."""

from typing import Any

MESSAGES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("m1", "alice", "2026-01-01T12:00:00Z", {
        "topic": "billing", "prio": 1, "done": True, "tags": ["a", "b"], "geo": {"city": "Rome", "zip": "00100"},
    }),
    ("m2", "alice", "2026-01-02T12:00:00Z", {
        "topic": "Billing-EU", "prio": 5, "done": False, "tags": ["b"], "geo": {"city": "Milan"},
    }),
    ("m3", "bob", "2026-01-03T12:00:00Z", {"topic": "support", "prio": 10, "note": None}),
    ("m4", "bob", "2026-01-04T12:00:00Z", {"topic": "sales", "prio": "7"}),
    ("m5", "carol", "2026-01-05T12:00:00Z", {}),
)  # fmt: skip

EXAMPLES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"peer_id": ["alice", "carol"]}, "m1 m2 m5"),
    ({"peer_id": {"ne": "bob"}}, "m1 m2 m5"),
    ({"peer_id": {"in": ["bob", "*"]}}, "m1 m2 m3 m4 m5"),
    ({"peer_id": {"contains": "LIC"}}, "m1 m2"),
    ({"created_at": {"gte": "2026-01-02", "lt": "2026-01-04"}}, "m2 m3"),
    ({"token_count": {"gt": "0"}}, "m1 m2 m3 m4 m5"),
    ({"metadata": {"topic": "billing"}}, "m1"),
    ({"metadata": {"topic": {"contains": "billing"}}}, "m1 m2"),
    ({"metadata": {"topic": {"ne": "billing"}}}, "m2 m3 m4"),
    ({"metadata": {"topic": {"gte": "s"}}}, "m3 m4"),
    ({"metadata": {"tags": ["b"]}}, "m1 m2"),
    ({"metadata": {"tags": {"contains": "a"}}}, "m1"),
    ({"metadata": {"geo": {"city": "Rome"}}}, "m1"),
    ({"metadata": {"geo": {"city": {"in": ["Rome"]}}}}, ""),
    ({"metadata": {"prio": 5}}, "m2"),
    ({"metadata": {"prio": {"gte": 5}}}, "m2 m3 m4"),
    ({"metadata": {"prio": {"in": [1, 10]}}}, "m1 m3"),
    ({"metadata": {"done": {"ne": True}}}, "m2"),
    ({"metadata": {"note": None}}, "m3"),
    ({"metadata": {"note": "*"}}, "m1 m2 m3 m4 m5"),
    ({"NOT": [{"peer_id": "alice"}, {"peer_id": "bob"}]}, "m5"),
    ({"NOT": [{"metadata": {"topic": "billing"}}]}, "m2 m3 m4 m5"),
    (
        {
            "OR": [
                {"metadata": {"prio": {"lt": 2}}},
                {"AND": [{"peer_id": "bob"}, {"metadata": {"topic": "sales"}}]},
            ]
        },
        "m1 m4",
    ),
    ({"peer_id": None}, ""),
    ({"peer_id": {"ne": None}}, "m1 m2 m3 m4 m5"),
    ({"peer_id": {"in": []}}, ""),
)

REFUSED: tuple[dict[str, Any], ...] = (
    {"and": [{"peer_id": "a"}]},
    {"content": "m1"},
    {"id": "x"},
    {"AND": {"peer_id": "a"}},
    {"peer_id": 5},
    {"peer_id": {"like": "a"}},
    {"peer_id": {"in": "alice"}},
    {"created_at": {"gte": "yesterday"}},
    {"token_count": "abc"},
    {"metadata": "x"},
)


def written() -> list[dict[str, Any]]:
    """The five messages as they are posted."""
    return [
        {"peer_id": peer, "content": name, "metadata": metadata, "created_at": created_at}
        for name, peer, created_at, metadata in MESSAGES
    ]
