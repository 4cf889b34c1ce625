"""Webhook endpoints: get or create, list, delete, and a test event for all of them."""

from fastapi import APIRouter
from starlette.responses import Response

from functions.api.answers import answer, got_or_made, nothing
from functions.api.auth import requires
from functions.api.deps import Backed, Paged
from functions.api.description import also
from functions.api.once import Once
from functions.api.pages import Page, envelope
from functions.api.repeating import RepeatingRoute
from functions.api.wire.webhooks import WebhookEndpoint, WebhookEndpointCreate
from shared.domain.access import Reach
from shared.memory import webhooks

router = APIRouter(
    prefix="/workspaces/{workspace_id}/webhooks",
    tags=["webhooks"],
    dependencies=[requires(Reach.WORKSPACE)],
    route_class=RepeatingRoute,
)


@router.post("", response_model=WebhookEndpoint, responses=also(201, 409))
def get_or_create_webhook_endpoint(
    backends: Backed, once: Once, workspace_id: str, body: WebhookEndpointCreate
) -> Response:
    """The endpoint of this address, made if there is none."""
    return once.take(
        workspace_id,
        lambda note: webhooks.register(backends, workspace_id, body.url, note=note),
        lambda found: got_or_made(WebhookEndpoint.of(found[0]), is_new=found[1]),
        of="webhook",
    )


@router.get("", response_model=Page[WebhookEndpoint])
def list_webhook_endpoints(backends: Backed, workspace_id: str, page: Paged) -> Response:
    """The workspace's endpoints, oldest first."""
    return envelope(webhooks.listed(backends, workspace_id, page), page, WebhookEndpoint.of)


@router.get("/test", response_model=None)
def test_emit(backends: Backed, workspace_id: str) -> Response:
    """Send a test event to every endpoint of the workspace."""
    webhooks.test(backends, workspace_id)
    return answer(None)


@router.delete("/{endpoint_id}", status_code=204, response_model=None)
def delete_webhook_endpoint(backends: Backed, workspace_id: str, endpoint_id: str) -> Response:
    """Forget an endpoint and what it is still owed."""
    webhooks.remove(backends, workspace_id, endpoint_id)
    return nothing()
