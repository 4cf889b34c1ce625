"""A long conversation of our own making, in each format the demo reads."""

import json
from datetime import UTC, datetime, timedelta

_FACTS = [
    "I planted {n} tomato seedlings in the garden this morning.",
    "My neighbour Rui lent me book number {n} about the history of Lisbon.",
    "I am learning {n} new Portuguese words every week.",
    "I ran {n} kilometres along the river yesterday.",
    "My sister Ana is moving to flat number {n} in Porto.",
]
_REPLIES = ["Good to hear!", "How was it?", "Thanks for telling me.", "What happened then?", "Shall I remember that?"]


def two_hundred() -> list[dict[str, str]]:
    """200 messages, every other one by an assistant; the 100th holds a fact of its own."""
    start = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    messages: list[dict[str, str]] = []
    for n in range(100):
        said = "I am allergic to shellfish." if n == 50 else _FACTS[n % 5].format(n=n)
        for peer, content in (("maria", said), ("assistant", _REPLIES[n % 5])):
            at = start + timedelta(minutes=len(messages))
            messages.append({"peer": peer, "content": content, "created_at": at.isoformat()})
    return messages


def as_json() -> str:
    return json.dumps(two_hundred(), indent=1)


def as_jsonl() -> str:
    return "\n".join(json.dumps(message) for message in two_hundred())


def as_text() -> str:
    return "\n".join(f"{message['peer']}: {message['content']}" for message in two_hundred())
