"""Webhook endpoints on the wire."""

from typing import Self

from functions.api.wire.fields import Moment, Text, Wire
from shared.domain import webhook


class WebhookEndpointCreate(Wire):
    """Which address to call."""

    url: Text


class WebhookEndpoint(Wire):
    """An endpoint of a workspace."""

    id: str
    workspace_id: str | None
    url: str
    created_at: Moment

    @classmethod
    def of(cls, stored: webhook.Webhook) -> Self:
        return cls(id=stored.id, workspace_id=stored.workspace, url=stored.url, created_at=stored.created_at)
