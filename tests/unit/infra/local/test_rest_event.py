"""Events and answers have the shape of a REST API's proxy integration, as Mangum and AWS know it."""

import base64
import json
from typing import Any, cast

import pytest

from infra.local.resources import Match
from infra.local.rest_event import MalformedAnswer, Request, read_answer, write_event
from infra.local.template import RouteSpec

MATCH = Match(RouteSpec("ANY", "/{proxy+}", "Api"), {"proxy": "a/b"})
BINARY = frozenset({"multipart/form-data"})


def event_of(
    *, body: bytes = b"", query: bytes = b"", headers: list[tuple[bytes, bytes]] | None = None
) -> dict[str, Any]:
    request = Request("POST", "/a/b%20c", query, headers or [], "127.0.0.1", body)
    return cast(dict[str, Any], json.loads(write_event(request, MATCH, stage="v3", binary=BINARY)))


def test_event_keeps_the_path_encoded_and_without_the_stage():
    event = event_of()
    assert (event["path"], event["requestContext"]["path"]) == ("/a/b%20c", "/v3/a/b%20c")
    assert (event["resource"], event["requestContext"]["stage"]) == ("/{proxy+}", "v3")


def test_event_without_query_or_body_has_nulls_where_the_service_has_them():
    event = event_of()
    absent = ("queryStringParameters", "multiValueQueryStringParameters", "body", "stageVariables")
    assert {event[key] for key in absent} == {None}
    assert event["isBase64Encoded"] is False


def test_event_when_a_query_name_repeats_keeps_all_and_the_last():
    event = event_of(query=b"page=1&page=2&empty=&name=a%20b")
    assert event["queryStringParameters"] == {"page": "2", "empty": "", "name": "a b"}
    assert event["multiValueQueryStringParameters"] == {"page": ["1", "2"], "empty": [""], "name": ["a b"]}


def test_event_when_a_header_repeats_keeps_all_and_the_last():
    event = event_of(headers=[(b"x-a", b"1"), (b"x-a", b"2"), (b"x-forwarded-for", b"10.0.0.9")])
    assert (event["headers"]["x-a"], event["multiValueHeaders"]["x-a"]) == ("2", ["1", "2"])
    assert event["headers"]["x-forwarded-for"] == "10.0.0.9, 127.0.0.1"


def test_event_when_the_body_is_text_carries_it_as_it_is():
    event = event_of(body='{"a": "é\n"}'.encode(), headers=[(b"content-type", b"application/json")])
    assert (event["body"], event["isBase64Encoded"]) == ('{"a": "é\n"}', False)


@pytest.mark.parametrize("kind", [b"multipart/form-data; boundary=x", b"Multipart/Form-Data"])
def test_event_when_the_media_type_is_binary_encodes_even_text(kind: bytes):
    event = event_of(body=b"plain", headers=[(b"content-type", kind)])
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"plain", True)


def test_event_when_the_body_is_no_text_encodes_it():
    event = event_of(body=b"\xff\x00", headers=[(b"content-type", b"application/json")])
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\xff\x00", True)


def test_answer_when_both_header_maps_are_there_takes_the_one_with_several_values():
    answer = read_answer(
        json.dumps(
            {
                "statusCode": 201,
                "headers": {"X-A": "lost", "x-b": "2", "Content-Length": "99"},
                "multiValueHeaders": {"x-a": ["1", "2"]},
                "body": "é",
            }
        ).encode()
    )
    assert answer.status == 201
    assert answer.headers == [(b"x-a", b"1"), (b"x-a", b"2"), (b"x-b", b"2")]
    assert answer.body == "é".encode()


def test_answer_when_it_is_base64_is_decoded():
    payload = {"statusCode": 200, "body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True}
    assert read_answer(json.dumps(payload).encode()).body == b"\xff"


@pytest.mark.parametrize(
    "payload", [b"", b"null", b"[]", b"{}", b'{"statusCode": "200"}', b'{"statusCode":200,"body":1}']
)
def test_answer_when_it_is_not_one_is_refused(payload: bytes):
    with pytest.raises(MalformedAnswer):
        read_answer(payload)
