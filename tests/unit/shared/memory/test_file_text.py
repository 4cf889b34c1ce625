"""Files to text, and text to pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import Invalid, UnsupportedType
from shared.memory.file_text import pieces, text_of
from tests.support.pdf import make_pdf

TEXTS = st.text(alphabet="ab. \n", max_size=120)


def cut(text: str, most: int) -> list[str]:
    return [piece.content for piece in pieces(text, most)]


@given(TEXTS, st.integers(1, 40))
def test_pieces_make_up_the_text_and_say_where_they_are(text: str, most: int):
    found = list(pieces(text, most))
    assert "".join(piece.content for piece in found) == text
    assert all(text[piece.start : piece.end] == piece.content for piece in found)
    assert all(len(piece.content) <= most for piece in found)
    assert len(found) == 1 or all(piece.content for piece in found)


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("", 5, [""]),
        ("abcde", 5, ["abcde"]),
        ("abcdef", 5, ["abcde", "f"]),
        ("a\n\nb c", 5, ["a\n\n", "b c"]),
        ("a b\nc. d", 6, ["a b\n", "c. d"]),
        ("a. b c", 5, ["a. ", "b c"]),
        ("a b c d", 5, ["a b ", "c d"]),
        # The best end wins over the farthest, and the last of its kind over an earlier one.
        ("a\n\nb\n\nc. d e", 9, ["a\n\nb\n\n", "c. d e"]),
        # An end that lies across the window is none.
        ("abcd\n\ne", 5, ["abcd\n", "\ne"]),
    ],
)
def test_pieces_end_at_the_best_place_inside_the_window(text: str, most: int, expected: list[str]):
    assert cut(text, most) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("grüße".encode(), "grüße"),
        ("grüße".encode("utf-8-sig"), "grüße"),
        ("grüße".encode("utf-16"), "grüße"),
        ("grüße".encode("utf-16-le"), "grüße"),
        ("我住在里斯本。".encode("utf-16-le"), "我住在里斯本。"),
        ("\u3042\u3044".encode("utf-16"), "\u3042\u3044"),
        ("grüße!".encode("latin-1") + b"a", "grüße!a"),
        ("grüßen".encode("latin-1"), "grüßen"),
        ("Ça a été très dur.\r\n".encode("latin-1"), "Ça a été très dur.\r\n"),
        (b"a\x00b", "ab"),
        (b"", ""),
    ],
)
def test_text_of_plain_text_tries_one_encoding_after_the_other(content: bytes, expected: str):
    assert text_of(content, "text/markdown; charset=x") == expected


def test_text_of_json_is_written_anew():
    given_json = b'{"b":[1,2],"a":"gr\xc3\xbc\xc3\x9fe"}'
    text = text_of(given_json, "application/json")
    assert json.loads(text) == json.loads(given_json)
    assert "grüße" in text
    assert "\n" in text


@pytest.mark.parametrize("content", [b"", b" \n "])
def test_text_of_blank_json_is_empty(content: bytes):
    assert text_of(content, "application/json") == ""


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b"9" * 5000])
def test_text_of_json_that_is_none_is_refused(content: bytes):
    with pytest.raises(Invalid):
        text_of(content, "application/json")


def test_text_of_json_with_half_a_surrogate_pair_can_be_encoded():
    text = text_of(b'["\\ud800", "\\ud83d\\ude00"]', "application/json")
    assert "\U0001f600" in text
    assert text.encode()


def test_text_of_a_pdf_names_the_pages_that_have_text():
    assert text_of(make_pdf("first", "", "third"), "application/pdf") == "[Page 1]\nfirst\n\n[Page 3]\nthird"


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4", b"not a pdf", make_pdf("a")[:200]])
def test_text_of_a_pdf_that_is_none_is_refused(content: bytes):
    with pytest.raises(Invalid):
        text_of(content, "application/pdf")


@pytest.mark.parametrize("kind", [None, "", "image/png", "application/json; charset=utf-8", "application/octet-stream"])
def test_text_of_another_type_is_refused(kind: str | None):
    with pytest.raises(UnsupportedType):
        text_of(b"x", kind)
