"""What models are told: text files with named slots, filled strictly."""

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_SLOT = re.compile(r"\{\{(\w+)\}\}")
_BLANK = re.compile(r"\n{3,}")

FENCES = ("conclusions", "earlier_summary", "findings", "messages", "peer_card", "session_history")
# White space and characters without width do not keep a model from reading a tag as a tag.
_GAP = r"[\s\u00ad\u200b-\u200f\u2060-\u2064\ufeff]*"
_TAG = re.compile(rf"<(?={_GAP}/?{_GAP}(?:{'|'.join(FENCES)})\b)", re.IGNORECASE)


def render(name: str, /, **fields: str) -> str:
    """The prompt `name` with its slots filled. Values are taken as they are, whatever braces they hold.

    Where empty slots leave several blank lines, one remains. Raises `TypeError` when `fields` are not exactly
    the slots of the prompt.
    """
    text = _text(name)
    slots = set(_SLOT.findall(text))
    if slots != fields.keys():
        raise TypeError(f"prompt {name!r} has the slots {sorted(slots)}, not {sorted(fields)}")
    kept = _SLOT.sub(lambda slot: slot[0] if fields[slot[1]] else "", text)
    return _SLOT.sub(lambda slot: fields[slot[1]], _BLANK.sub("\n\n", kept)).strip()


def fenced(tag: str, text: str, **attributes: str) -> str:
    """`text` as data between tags that it cannot close. The values of `attributes` are names, not free text."""
    if tag not in FENCES:
        raise ValueError(f"{tag!r} is not one of the fences {FENCES}")
    labels = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{tag}{labels}>\n{defused(text)}\n</{tag}>"


def defused(text: str) -> str:
    """`text` with whatever would read as one of our fences made harmless."""
    return _TAG.sub("&lt;", text)


@cache
def _text(name: str) -> str:
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
