"""What an operator is told who chose something that is not installed."""

from collections.abc import Generator
from contextlib import contextmanager

from shared.domain.errors import Invalid


class OutletMissing(Invalid):
    """A package that a setting needs is not installed."""


@contextmanager
def needed(package: str, variable: str) -> Generator[None]:
    """Turns a failed import inside into a sentence that names the setting and the way out."""
    try:
        yield
    except ImportError as error:
        raise OutletMissing(
            f"{variable} needs the package {package}: install layers/observe/requirements.txt, or leave it unset"
        ) from error
