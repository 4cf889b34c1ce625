"""The fields beside an uploaded file."""

from datetime import UTC, datetime

import pytest
from fastapi.exceptions import RequestValidationError

from functions.api.wire.uploads import UploadDetails


def test_details_of_readable_fields_are_what_they_say():
    found = UploadDetails.read('{"a": 1}', '{"reasoning": {"enabled": false}}', "2024-05-06T07:08:09Z")
    assert found.metadata == {"a": 1}
    assert found.configuration is not None
    assert found.configuration.given() == {"reasoning": {"enabled": False}}
    assert found.created_at == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, "", "{", "null", "[" * 100_000])
def test_details_of_unreadable_fields_are_none(text: str | None):
    found = UploadDetails.read(text, text, text)
    assert (found.metadata, found.configuration, found.created_at) == (None, None, None)


@pytest.mark.parametrize("given", ["1", "[]", '"a"', "true"])
def test_details_of_json_that_is_no_object_are_refused_by_name(given: str):
    with pytest.raises(RequestValidationError) as refused:
        UploadDetails.read(given, None, None)
    assert [finding["loc"] for finding in refused.value.errors()] == [("body", "metadata")]


def test_details_with_a_time_without_a_zone_mean_utc():
    assert UploadDetails.read(None, None, "2024-05-06").created_at == datetime(2024, 5, 6, tzinfo=UTC)
