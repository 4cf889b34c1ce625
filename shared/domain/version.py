"""Which version of the service this is."""

from typing import Final

# As in pyproject.toml, which functions do not have with them.
VERSION: Final = "0.1.0"
