"""Turbopuffer through its genuine SDK: what goes over the wire, and what becomes of its errors."""

import json
import socket
import time

import pytest

from shared.domain.errors import IndexRefused, IndexUnavailable
from shared.domain.vector import EmbeddingSpace
from shared.vectors import turbopuffer as adapter
from shared.vectors.external import ExternalIndex
from shared.vectors.shelf import WORDED_MESSAGES
from shared.vectors.spaces import key_of
from shared.vectors.turbopuffer import TurbopufferShelf
from tests.support.turbopuffer_rows import MOST_DELETED
from tests.support.turbopuffer_server import KEY, Failure, TurbopufferServer
from tests.support.vectors import ADA, EAST, NORTH, a_conclusion, a_piece, ids

SPACE = EmbeddingSpace("m", 3)


def opened(url: str, key: str = KEY) -> ExternalIndex:
    return ExternalIndex(TurbopufferShelf(key, None, url), "prod", lambda: SPACE, list)


@pytest.fixture
def index(turbopuffer: TurbopufferServer) -> ExternalIndex:
    return opened(turbopuffer.url)


def test_conclusions_go_to_the_workspaces_own_namespace_with_their_attributes(
    turbopuffer: TurbopufferServer, index: ExternalIndex
):
    index.upsert_conclusions([a_conclusion("c", session=None, observer="scope.team")])
    [sent] = turbopuffer.received
    [name] = turbopuffer.namespaces
    prefix, kind, key, digest = name.split(".")
    assert (prefix, kind, key, len(digest)) == ("prod", "doc", key_of(SPACE), 43)
    assert (sent.method, sent.path) == ("POST", f"/v2/namespaces/{name}")
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.body["distance_metric"] == "cosine_distance"
    assert sent.body["schema"]["vector"] == {"type": "[3]f32", "ann": True}
    assert sent.body["schema"]["observer"] == {"type": "string", "filterable": True}
    assert {name: values[0] for name, values in sent.body["upsert_columns"].items() if name != "vector"} == {
        "id": "c",
        "workspace_name": "w",
        "observer": "scope.team",
        "observed": "ada",
        "session_name": None,
        "level": "explicit",
        "is_of_scope": True,
    }


def test_messages_have_an_id_for_each_piece(turbopuffer: TurbopufferServer, index: ExternalIndex):
    index.upsert_messages([a_piece("m", 0), a_piece("m", 1)])
    [name] = turbopuffer.namespaces
    assert ".msg." in name
    assert turbopuffer.received[0].body["upsert_columns"]["id"] == ["m_0", "m_1"]
    assert turbopuffer.documents()["m_1"]["message_id"] == "m"


def test_filters_travel_with_the_query(turbopuffer: TurbopufferServer, index: ExternalIndex):
    index.nearest_conclusions(ADA, [EAST, NORTH], k=3, levels=("explicit", "deductive"), sessions=("s",), among=("c",))
    [sent] = turbopuffer.received
    assert sent.path.startswith("/v2/namespaces/prod.doc.")
    assert sent.path.split("?")[0].endswith("/query")
    assert [query["limit"] for query in sent.body["queries"]] == [3, 3]
    assert sent.body["queries"][0]["filters"] == [
        "And",
        [
            ["observer", "Eq", "ada"],
            ["observed", "Eq", "ada"],
            ["level", "In", ["explicit", "deductive"]],
            ["session_name", "Eq", "s"],
            ["id", "Eq", "c"],
        ],
    ]


def test_large_writes_are_compressed(turbopuffer: TurbopufferServer, index: ExternalIndex):
    index.upsert_conclusions([a_conclusion(f"c{n}") for n in range(100)])
    assert turbopuffer.received[0].headers["content-encoding"] == "gzip"


def test_deletion_of_more_than_one_request_takes_goes_on_to_the_end(
    turbopuffer: TurbopufferServer, index: ExternalIndex
):
    count = MOST_DELETED + 10
    index.upsert_messages([a_piece("m", n) for n in range(count)])
    index.delete_messages("w", ["m"])
    assert turbopuffer.documents() == {}


def test_missing_namespace_is_an_empty_one(turbopuffer: TurbopufferServer, index: ExternalIndex):
    assert index.nearest_messages("w", EAST, k=3) == []
    index.delete_messages("w", ["m"])
    assert not index.delete_workspace("w", most=1)
    assert turbopuffer.namespaces == {}


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_status_that_passes_is_unavailable(turbopuffer: TurbopufferServer, index: ExternalIndex, status: int):
    turbopuffer.failure = Failure(status, {"Retry-After": "7"})
    with pytest.raises(IndexUnavailable, match=f"HTTP {status}") as caught:
        index.nearest_messages("w", EAST, k=3)
    assert caught.value.retry_after_s == 7
    assert not isinstance(caught.value, IndexRefused)
    with pytest.raises(IndexUnavailable):
        index.upsert_messages([a_piece("m")])
    turbopuffer.failure = None
    index.upsert_messages([a_piece("m")])
    assert ids(index.nearest_messages("w", EAST, k=3)) == ["m"]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_status_that_stays_is_refused(turbopuffer: TurbopufferServer, index: ExternalIndex, status: int):
    turbopuffer.failure = Failure(status)
    with pytest.raises(IndexRefused, match=f"HTTP {status}") as caught:
        index.upsert_messages([a_piece("m")])
    assert "told to fail" not in str(caught.value)


def test_id_that_is_too_long_is_refused(index: ExternalIndex):
    with pytest.raises(IndexRefused):
        index.upsert_conclusions([a_conclusion("ü" * 33)])


def test_wrong_key_names_the_setting(turbopuffer: TurbopufferServer):
    with pytest.raises(IndexUnavailable, match="look at VECTOR_STORE_TURBOPUFFER_API_KEY"):
        opened(turbopuffer.url, "wrong").nearest_messages("w", EAST, k=3)


def test_server_that_refuses_connections_is_unavailable_and_found_again(
    turbopuffer: TurbopufferServer, index: ExternalIndex
):
    index.upsert_messages([a_piece("m")])
    turbopuffer.down()
    with pytest.raises(IndexUnavailable, match="cannot be reached"):
        index.nearest_messages("w", EAST, k=3)
    turbopuffer.up()
    assert ids(index.nearest_messages("w", EAST, k=3)) == ["m"]


def test_server_that_says_nothing_is_unavailable_in_time(
    turbopuffer: TurbopufferServer, index: ExternalIndex, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(adapter, "_READ_S", 0.2)
    turbopuffer.hangs = True
    with pytest.raises(IndexUnavailable, match="did not answer in time"):
        index.nearest_messages("w", EAST, k=3)
    # Once only: who reads waits for the first silence, not for several, and nobody does right after it.
    with pytest.raises(IndexUnavailable, match="a moment ago"):
        index.nearest_messages("w", EAST, k=3)
    assert turbopuffer.connections == 1
    monkeypatch.setattr(adapter, "monotonic", lambda: time.monotonic() + 6)
    turbopuffer.hangs = False
    assert index.nearest_messages("w", EAST, k=3) == []


def test_connection_that_ends_without_an_answer_is_tried_once_more(
    turbopuffer: TurbopufferServer, index: ExternalIndex
):
    index.upsert_messages([a_piece("m")])
    turbopuffer.drops = 1
    assert ids(index.nearest_messages("w", EAST, k=3)) == ["m"]
    turbopuffer.drops = 2
    with pytest.raises(IndexUnavailable, match="cannot be reached"):
        index.nearest_messages("w", EAST, k=3)
    assert ids(index.nearest_messages("w", EAST, k=3)) == ["m"]


def test_connection_that_went_to_sleep_is_made_again(turbopuffer: TurbopufferServer, index: ExternalIndex):
    index.upsert_messages([a_piece("m")])
    turbopuffer.down()
    turbopuffer.up()
    assert ids(index.nearest_messages("w", EAST, k=3)) == ["m"]


def test_no_address_is_called_without_a_region(monkeypatch: pytest.MonkeyPatch):
    def refused(*_: object) -> None:
        raise AssertionError("nobody may be called")

    monkeypatch.setattr(socket.socket, "connect", refused)
    index = ExternalIndex(TurbopufferShelf(KEY, None), "prod", lambda: SPACE, list)
    with pytest.raises(IndexUnavailable, match="VECTOR_STORE_TURBOPUFFER_REGION"):
        index.nearest_messages("w", EAST, k=3)


def test_messages_are_found_by_words_where_their_texts_are_sent(turbopuffer: TurbopufferServer):
    shelf = TurbopufferShelf(KEY, None, turbopuffer.url)
    index = ExternalIndex(shelf, "prod", lambda: SPACE, list, WORDED_MESSAGES)
    assert index.messages_by_words("w", "cello", k=9) == []
    index.upsert_messages(
        [
            a_piece("long", 0, text="the weather is fine today"),
            a_piece("long", 1, text="and my cello needs strings"),
            a_piece("short", 0, text="cello", session="t"),
            a_piece("other", 0, text="tea", peer="bob"),
        ]
    )
    assert turbopuffer.received[-1].body["schema"]["text"] == {"type": "string", "full_text_search": True}
    found = index.messages_by_words("w", "cello", k=9)
    assert [message_id for message_id, _ in found] == ["short", "long"]
    assert found[0][1] > found[1][1] > 0
    assert turbopuffer.received[-1].body["rank_by"] == ["text", "BM25", "cello"]
    assert [one for one, _ in index.messages_by_words("w", "cello tea", k=9, sessions=("s",))] == ["other", "long"]
    assert [one for one, _ in index.messages_by_words("w", "cello tea", k=9, peer="bob")] == ["other"]
    assert index.messages_by_words("w", "cello", k=9, sessions=()) == []
    assert [one.text for one in index.stored_messages("w", ["short"])] == ["cello"]
    assert opened(turbopuffer.url).messages_by_words("w", "cello", k=9) == []


def test_text_of_messages_is_not_sent(turbopuffer: TurbopufferServer, index: ExternalIndex):
    index.upsert_messages([a_piece("m", text="secret")])
    assert "secret" not in json.dumps(turbopuffer.received[0].body)
    assert set(json.loads(json.dumps(turbopuffer.documents()["m_0"]))) == {
        "id",
        "vector",
        "workspace_name",
        "message_id",
        "session_name",
        "peer_name",
        "piece",
    }
