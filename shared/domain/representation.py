"""Representations: conclusions as the text that models and people read."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from shared.domain.clock import stamp
from shared.domain.conclusion import Conclusion, Level

# What a conclusion does not say of itself, the text says for it.
_CONFIDENCE: Final = "medium"
_PATTERN: Final = "pattern"
_MOST_SOURCES: Final = 5


def render(conclusions: Iterable[Conclusion]) -> str:
    """The text of `conclusions` by level, each level by time; `""` when there are none."""
    ordered = sorted(conclusions, key=lambda one: (one.occurred_at, one.created_at, one.id))
    lines: list[str] = []
    for level, title, block in _SECTIONS:
        items = [conclusion for conclusion in ordered if conclusion.level == level]
        if items:
            lines += [f"## {title}", "", *block(items)]
    return "\n".join(lines)


def _explicit(items: Sequence[Conclusion]) -> list[str]:
    return [*(f"[{stamp(item.occurred_at)}] {item.content}" for item in items), ""]


def _deductive(items: Sequence[Conclusion]) -> list[str]:
    lines: list[str] = []
    for item in items:
        lines.append(f"[{stamp(item.occurred_at)}] {item.content}")
        if item.premises:
            lines += ["   Premises:", *_bullets(item.premises)]
        lines.append("")
    return [*lines, ""]


def _inductive(items: Sequence[Conclusion]) -> list[str]:
    lines: list[str] = []
    for item in items:
        lines += [f" **Pattern** [{_CONFIDENCE}]: {item.content}", f"   **Type**: {_PATTERN}"]
        if item.premises:
            lines += ["   **Sources**:", *_bullets(item.premises[:_MOST_SOURCES])]
        if len(item.premises) > _MOST_SOURCES:
            lines.append(f"   - ... and {len(item.premises) - _MOST_SOURCES} more")
        lines.append("")
    return [*lines, ""]


def _contradictions(items: Sequence[Conclusion]) -> list[str]:
    lines: list[str] = []
    for item in items:
        lines.append(f" **CONTRADICTION**: {item.content}")
        if item.premises:
            lines += ["   **Conflicting statements**:", *_bullets(item.premises)]
        lines.append("")
    return [*lines, ""]


def _bullets(texts: Iterable[str]) -> list[str]:
    return [f"   - {text}" for text in texts]


_SECTIONS: Final[tuple[tuple[Level, str, Callable[[Sequence[Conclusion]], list[str]]], ...]] = (
    ("explicit", "Explicit Observations", _explicit),
    ("deductive", "Deductive Observations", _deductive),
    ("inductive", "Inductive Observations", _inductive),
    ("contradiction", "Contradictions", _contradictions),
)
