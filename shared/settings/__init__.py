"""Settings: environment over `.env` over `config.toml` over defaults."""

from shared.settings.sections import Settings as Settings
from shared.settings.sources import load as load
