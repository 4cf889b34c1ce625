"""Reading through scopes: one is a perspective of its own, several are the sessions they hold together."""

from dataclasses import dataclass

from shared.backends import Backends
from shared.domain.allowlist import MAX_SESSIONS
from shared.domain.errors import Invalid
from shared.memory import scopes


@dataclass(frozen=True, slots=True)
class View:
    """What a read is limited to: an `observer` in place of the one asked, or the `sessions` to read; never both."""

    observer: str | None = None
    sessions: tuple[str, ...] | None = None


def view(backends: Backends, workspace: str, named: str | list[str] | None, *, is_narrowed: bool) -> View:
    """What the scopes named let see; everything when none is.

    Raises `Invalid` when sessions are named beside them, `NotFound` for an unknown scope.
    """
    if named is None:
        return View()
    _check_alone(is_narrowed)
    if isinstance(named, str):
        return View(observer=scopes.perspective(backends, workspace, named))
    return View(sessions=scopes.sessions_within(backends, workspace, named))


def sessions_of(
    backends: Backends,
    workspace: str,
    named: str | list[str] | None,
    *,
    is_narrowed: bool,
    most: int | None = MAX_SESSIONS,
) -> tuple[str, ...] | None:
    """The sessions of the scopes named, for a read that has no observer; None when none is named. Raises as `view`."""
    if named is None:
        return None
    _check_alone(is_narrowed)
    return scopes.sessions_within(backends, workspace, [named] if isinstance(named, str) else named, most=most)


def _check_alone(is_narrowed: bool) -> None:
    if is_narrowed:
        raise Invalid("scope cannot be combined with sessions")
