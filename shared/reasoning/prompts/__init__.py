"""What models are told: text files with named slots, filled strictly."""

import re
import unicodedata
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_SLOT = re.compile(r"\{\{(\w+)\}\}")

FENCES = ("conclusions", "earlier_summary", "findings", "messages", "peer_card", "session_history")
# White space and characters without width do not keep a model from reading a tag as a tag, nor do look-alikes.
_WIDTHLESS = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
)
_TAG = re.compile(
    rf"[<\u2039\u2329\u27e8\u276e\u3008\ufe64\uff1c]"
    rf"(?P<rest>[\s/\\\u2044\u2215\uff0f{_WIDTHLESS}]*(?P<name>[\w{_WIDTHLESS}-]+))"
)
# What chat templates end a turn with: some servers read it in any text.
_TURN_MARK = re.compile(
    r"<(?=[|\uff5c]|/?s>|<?/?SYS>|(?:start|end)_of_turn>|(?:bos|eos)>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS)\])",
    re.IGNORECASE,
)
_SPELLED = {"<": "&lt;", "[": "&#91;"}
# Nobody sees these, but models read them: marks of direction, notes, and an alphabet without glyphs.
_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f]")
_BLANK = re.compile(r"\n{3,}")


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
    """`text` with whatever would read as one of our fences, or as the end of a turn, made harmless."""
    visible = _UNSEEN.sub("", text)
    return _TURN_MARK.sub(lambda mark: _SPELLED[mark[0]], _TAG.sub(_harmless, visible))


def indented(text: str) -> str:
    """`text`, defused, with its further lines indented: none of them can pass for a line of its own."""
    return "\n  ".join(defused(text).splitlines())


def _harmless(tag: re.Match[str]) -> str:
    return f"&lt;{tag['rest']}" if _bare(tag["name"]).startswith(_BARE_FENCES) else tag[0]


def _bare(name: str) -> str:
    """A tag's name as it reads: without what has no width, in plain small letters."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", name).casefold() if letter.isalnum())


# Names that only begin like ours are harmless too; but where a name ends is in the eye of the reader.
_BARE_FENCES = tuple(_bare(fence) for fence in FENCES)


@cache
def _text(name: str) -> str:
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
