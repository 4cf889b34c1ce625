"""The place where scopes will be looked up; as none can be made yet, none is ever found."""

from shared.domain.errors import Invalid, NotFound


def refuse_scopes(named: str | list[str] | None, *, is_narrowed: bool) -> None:
    """Raises `NotFound` for any scope named, `Invalid` when sessions are named beside it."""
    if named is None:
        return
    if is_narrowed:
        raise Invalid("scope cannot be combined with sessions")
    first = named if isinstance(named, str) else named[0]
    raise NotFound(f"scope {first} not found")
