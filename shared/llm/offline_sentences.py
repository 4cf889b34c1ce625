"""Cutting a chat message into sentences, for the offline model."""

import re
from collections.abc import Iterator

MAX_SENTENCE = 600

# White space within a line. Patterns that may begin or end with some try every way to share out a long stretch of it.
GAP = re.compile("[ \t\x1f\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]{3,}")
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_MARKUP = re.compile(r"</?[A-Za-z][^<>\n]{0,80}>|\*\*|__|`")
# A list mark, a heading, or a bracketed tag such as [012345] or [note].
_MARK = re.compile(r"^(?:[-*•‣–—+]\s+|\d{1,3}[.)]\s+|#{1,6}\s+|\[[ \w:.#/-]{0,40}\]\s*)+")
_BULLET = re.compile(r"^(?:[-*•‣+]\s+|\d{1,3}[.)]\s+|#{1,6}\s+)")
_HEART = re.compile("(?<=\\bI )(?:[\u2764\u2665\U0001f496\U0001f495\U0001f60d]\ufe0f?)+(?= )")
_EMOJI = re.compile("[ \t]*[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d\u2190-\u21ff\u2b00-\u2bff]+")
# Full stops and the like: Latin before white space; Chinese, Arabic and Hindi anywhere.
# Taken whole or not at all, and from its first mark on: a thousand marks would be counted a thousand times.
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|[\u3002\uff01\uff1f\u061f\u06d4\u0964]+[」』”]?")
_QUOTED = re.compile(r"\"[^\"\n]{1,300}\"|“[^”\n]{1,300}”|«[^»\n]{1,300}»")
# Only where they stand alone: "8)" may close a list.
_EMOTICON = re.compile(r"(?<!\S)(?:[:;=]['’-]?[()DPpO/|*]+|<3|[xX]D)(?!\S)")
_ABBREVIATIONS = frozenset(
    """dr mr mrs ms prof st sr jr vs e.g i.e cf approx inc ltd co corp no vol fig est dept gen col sgt capt rev hon
    mt ft jan feb mar apr jun jul aug sep sept oct nov dec""".split()
)
# These may end a sentence too: they do when a capital follows.
_MAYBE_LAST = frozenset("etc a.m p.m u.s u.k u.s.a e.u ph.d b.c a.d".split())


def sentences(text: str) -> list[str]:
    """The sentences of `text` in order, each with its closing mark, without list marks, tags, code and emoji."""
    even = GAP.sub(" ", text.replace("\r\n", "\n").replace("\u00a0", " "))
    plain = _MARKUP.sub("", _CODE.sub("\n", even))
    found: list[str] = []
    for line in _paragraphs(plain):
        found.extend(_capped(part) for part in _split(line))
    return found


def _paragraphs(text: str) -> Iterator[str]:
    """Lines, joined where a line only goes on after a break: no closing mark before, no capital after."""
    gathered = ""
    for raw in text.split("\n"):
        line = raw.strip()
        goes_on = bool(gathered) and line[:1].islower() and line.split()[0] not in {"i", "i'm", "im"}
        if line and goes_on and gathered[-1] not in ".!?:;" and not _BULLET.match(line):
            gathered += " " + line
            continue
        if gathered:
            yield gathered
        # A quoted line is what somebody else wrote before.
        gathered = "" if line.startswith(">") else _MARK.sub("", line)
    if gathered:
        yield gathered


def _split(line: str) -> Iterator[str]:
    line = _HEART.sub("love", line)
    line = _EMOTICON.sub("\U0001f642", line)
    line = _EMOJI.sub(lambda found: _after_emoji(line, found.start(), found.end()), line)
    quoted = [span.span() for span in _QUOTED.finditer(line)]
    start = nearest = 0
    for end in _END.finditer(line):
        while nearest < len(quoted) and quoted[nearest][1] < end.end():
            nearest += 1
        inside = nearest < len(quoted) and quoted[nearest][0] < end.start() and end.end() < quoted[nearest][1]
        if inside or not _ends(line, start, end):
            continue
        yield from _part(line[start : end.end()])
        start = end.end()
    yield from _part(line[start:])


def _part(text: str) -> Iterator[str]:
    stripped = text.strip(" \t-–—")
    if any(letter.isalnum() for letter in stripped):
        yield stripped


def _after_emoji(line: str, start: int, end: int) -> str:
    closed = start == 0 or line[:start].rstrip()[-1:] in ".!?,…"
    return " " if closed or not line[end : end + 2].strip()[:1].isupper() else ". "


def _ends(line: str, start: int, end: re.Match[str]) -> bool:
    mark = end.group().rstrip("\"'”’)]")
    following = line[end.end() : end.end() + 8].lstrip(" \t\"'“(")[:1]
    if mark != end.group() and following.islower():
        return False
    if mark in {"...", "…", ".."}:
        return not following.islower()
    if mark != ".":
        return True
    word = line[max(start, end.start() - 20) : end.start()].rpartition(" ")[2].lstrip("(\"'“").lower()
    if word in _MAYBE_LAST:
        return following.isupper()
    is_initial = len(word) == 1 and word.isalpha() and word != "i" and line[end.start() - 1].isupper()
    return word not in _ABBREVIATIONS and not is_initial


def _capped(sentence: str) -> str:
    if len(sentence) <= MAX_SENTENCE:
        return sentence
    return sentence[:MAX_SENTENCE].rpartition(" ")[0].rstrip(",;: ") + "…"
