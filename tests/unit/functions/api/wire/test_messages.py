"""Messages on the wire."""

from datetime import UTC, datetime

from functions.api.wire.messages import Message, MessageCreate
from shared.domain import message


def test_draft_has_what_was_given_and_defaults_for_the_rest():
    bare = MessageCreate.model_validate({"peer_id": "a", "content": "x\x00", "metadata": None}).draft()
    assert (bare.peer, bare.content, bare.metadata, bare.configuration, bare.created_at) == ("a", "x", {}, None, None)
    full = MessageCreate.model_validate(
        {"peer_id": "a", "content": "", "metadata": {"k": 1}, "configuration": {"reasoning": {"enabled": None}}}
    ).draft()
    assert (full.metadata, full.configuration) == ({"k": 1}, {"reasoning": {"enabled": None}})


def test_shown_message_uses_the_names_of_the_api():
    stored = message.Message("i", "w", "s", "a", 7, "hi", 1, {"k": 1}, datetime(2026, 1, 2, tzinfo=UTC))
    assert Message.of(stored).model_dump(mode="json") == {
        "id": "i",
        "content": "hi",
        "peer_id": "a",
        "session_id": "s",
        "metadata": {"k": 1},
        "created_at": "2026-01-02T00:00:00Z",
        "workspace_id": "w",
        "token_count": 1,
    }
