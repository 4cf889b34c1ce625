"""What may be set by its name but has no implementation yet: refused at start, in words, instead of doing nothing.

Whoever implements one takes its row away.
"""

from shared.settings.sections import Settings

# (section, key): the values that are refused; None stands for any value but the default.
_NOT_YET: dict[tuple[str, str], tuple[object, ...] | None] = {
    ("llm", "embedding_provider"): ("gemini",),
}


def refusals(settings: Settings) -> list[str]:
    """A sentence for each setting whose value nothing stands behind yet."""
    return [
        f"{_variable(section, key)}: {_shown(settings, section, key)} is not there yet; leave it out"
        for (section, key), refused in _NOT_YET.items()
        if _is_refused(settings, section, key, refused)
    ]


def _is_refused(settings: Settings, section: str, key: str, refused: tuple[object, ...] | None) -> bool:
    value, usual = (getattr(getattr(one, section), key) for one in (settings, Settings()))
    return value in refused if refused is not None else value != usual


def _shown(settings: Settings, section: str, key: str) -> str:
    value = getattr(getattr(settings, section), key)
    return f"'{value}'" if isinstance(value, str) and key in ("type", "embedding_provider") else "this"


def _variable(section: str, key: str) -> str:
    return key.upper() if section == "app" else f"{section}_{key}".upper()
