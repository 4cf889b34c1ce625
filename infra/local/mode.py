"""Which models a local stack works with, in words."""

from shared.settings import Settings, load
from shared.settings.choice import chat_spec, embedding_spec


def describe(settings: Settings | None = None) -> str:
    """One line: keyless, or which providers. Raises `Invalid` with the knob to turn when none can be reached."""
    loaded = settings or load()
    chat = chat_spec(loaded, loaded.deriver)
    embedding = embedding_spec(loaded)
    if chat.provider == "offline" and embedding.provider == "offline":
        return "keyless: offline model and embeddings; for real ones a key in .env"
    return f"models {chat.name}, embeddings {embedding.provider}/{embedding.model}"
