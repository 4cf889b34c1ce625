"""The schema and its revisions; Alembic is configured in pyproject.toml."""
