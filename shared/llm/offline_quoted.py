"""What in a message are somebody else's words: pasted talk, quoted mail, what the memory itself has served."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from shared.llm.offline_sentences import GAP
from shared.llm.offline_words import words_of

# A line of a transcript, with or without its time before the name.
_LABELLED = re.compile(
    r"[>\s*•-]*(?P<time>\[(?:#\d+ )?\d{4}-\d\d-\d\d\b[^\]\n]*\])?"
    r"\s*\*{0,2}<?@?(?P<label>[\w.@-]{1,64})>?\*{0,2}(?: \([^)\n]{1,40}\)| said| says)?\*{0,2}:(?:\s|$)"
)
_OPENING = re.compile(r"\s*<(?P<tag>[a-zA-Z][\w-]*)(?:\s[^<>]*)?>\s*$")
# What stands before a colon when the author goes on to speak.
_LEADS = frozenset(
    """update edit correction note ps fyi p.s btw also plus anyway honestly actually well so ok okay yes no hi hello
    hey thanks basically spoiler problem issue plan plans goal goals idea news fact truth confession reminder
    background context info status summary tldr question answer reason""".split()
)
# "Bob wrote: …", "Here is the mail I got: …": what follows was written by others.
_REPORTED = re.compile(
    r"(?!i\b|we\b)(?:[^:\n]{1,60}\s)?(?:wrote|writes|said|says|told (?:me|us)|texted|posted|replied|replies|"
    r"asked|answered|shouted|screamed|claims|claimed|reads|stated|states|quote|quoted)\s*:\s"
    r"|(?:here|this|that|below|above|attached)\b[^:\n]{0,60}\b(?:mail|email|e-mail|message|letter|note|text|post|quote|"
    r"poem|lyrics|review|comment|transcript|chat|log|document|article|reply|response|what \w+ (?:wrote|said|sent))\b"
    r"[^:\n]{0,40}:\s",
    re.IGNORECASE,
)
# Letters that only look different, as those of mathematics and of full width do.
_STYLED = re.compile("[\uff0f\uff10-\uff19\uff1c\uff1e\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff]+")
# Where a text would end its JSON string and begin the next one.
_SEAM = re.compile(r"[\"']\s*[\]}]*\s*,\s*[\[{]*\s*[\"']\w+[\"']\s*:.*")
# Joiners belong into the words of some languages, but not into English ones.
_WIDTHLESS = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
    "|(?<=[a-zA-Z])[\u200c\u200d]+(?=[a-zA-Z])"
)


def own_words(text: str) -> str:
    """The lines of `text` that its author speaks; those of others, with what goes on from them, are left out."""
    kept: list[str] = []
    is_others = False
    for line in _outside_blocks(_SEAM.sub("", _plain(text)).splitlines()):
        # Further lines of what somebody else said are indented.
        is_others = _is_of_others(line) or (is_others and line.startswith("  "))
        kept += [] if is_others else [line]
    return "\n".join(kept)


def _plain(text: str) -> str:
    """`text` in its plainest spelling, with what was defused in the prompt as it was written."""
    # Two spaces, so that what is indented stays so.
    written = GAP.sub("  ", _WIDTHLESS.sub("", text)).replace("&lt;", "<").replace("&#91;", "[")
    return _STYLED.sub(lambda found: unicodedata.normalize("NFKC", found[0]), written)


def _outside_blocks(lines: Sequence[str]) -> Iterator[str]:
    """The lines that do not stand between a line `<tag>` and its `</tag>`."""
    last: dict[str, int] = {line.strip(): place for place, line in enumerate(lines)}
    resume = 0
    for place, line in enumerate(lines):
        opening = _OPENING.match(line)
        end = last.get(f"</{opening['tag']}>", -1) if opening else -1
        resume = max(resume, end + 1 if end > place else place)
        if place >= resume:
            yield line


def is_reported(sentence: str) -> bool:
    """Whether `sentence` introduces what somebody else said or wrote, and then gives it."""
    return _REPORTED.match(sentence) is not None


def _is_of_others(line: str) -> bool:
    labelled = _LABELLED.match(line)
    if labelled is None or labelled["label"].lower().strip(".") in _LEADS:
        return False
    if labelled["time"]:
        return True
    # A label alone on its line, or before a statement in the first person, names who speaks.
    said = words_of(line[labelled.end() :])
    return not said or any(word.low in {"i", "i'm", "i’m", "i've", "my", "me", "we", "our"} for word in said)
