"""A name whose implementation is still to come is refused in words; it never does nothing in silence."""

import pytest

from shared.settings import load
from shared.settings.sources import SettingsInvalid


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (
            {"LLM_EMBEDDING_PROVIDER": "gemini", "LLM_GEMINI_API_KEY": "k"},
            "LLM_EMBEDDING_PROVIDER: 'gemini' is not there yet",
        ),
    ],
)
def test_load_of_what_is_not_there_yet_says_so(tmp_path, env: dict[str, str], said: str):
    with pytest.raises(SettingsInvalid, match=said):
        load(env=env, folder=tmp_path)
