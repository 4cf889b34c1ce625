"""The attacks of `injections.yaml`, and a reader of prompts that is easier to deceive than ours should be."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel

from shared.reasoning.prompts import FENCES

_LOOK_LIKE_OPENING: Final = dict.fromkeys(map(ord, "\u2039\u2329\u27e8\u276e\u3008\ufe64\uff1c"), "<")
_TURN_MARKS: Final = re.compile(r"<\||<\uff5c|</?s>|<</?sys>>|\[/?(?:inst|tool_\w+)\]|<(?:start|end)_of_turn>")


class _Entry(BaseModel):
    text: str
    by: str = "ada"
    facts: list[str] = []


@dataclass(frozen=True)
class Attack:
    """What somebody writes, and all that may be concluded from it about them."""

    kind: str
    text: str
    by: str
    facts: tuple[str, ...]


def _load() -> list[Attack]:
    kinds = yaml.safe_load((Path(__file__).parent / "injections.yaml").read_text(encoding="utf-8"))
    entries = [(kind, _Entry.model_validate(entry)) for kind, listed in kinds.items() for entry in listed]
    return [Attack(kind, entry.text, entry.by, tuple(entry.facts)) for kind, entry in entries]


ATTACKS: Final = _load()


def as_read(prompt: str) -> str:
    """The prompt as a benevolent reader takes it: look-alikes for what they look like, the invisible for nothing."""
    plain = unicodedata.normalize("NFKC", prompt.translate(_LOOK_LIKE_OPENING))
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Cf").casefold()


def tags(prompt: str) -> list[str]:
    """Our tags in the prompt, wherever they stand and however they are written, in order."""
    names = "|".join(FENCES)
    found: list[tuple[str, str]] = re.findall(rf"<\s*([\\/\s]*)\s*({names})\b", as_read(prompt))
    return [("/" if slash.strip() else "") + name for slash, name in found]


def turn_marks(prompt: str) -> list[str]:
    """What ends a turn in the chat templates of open models: exactly these letters, no look-alikes."""
    return _TURN_MARKS.findall(prompt.casefold())


def lines_at_the_margin(prompt: str) -> list[str]:
    """The lines that stand at the margin, whatever breaks them."""
    return [line for line in prompt.splitlines() if line and not line.startswith("  ")]
