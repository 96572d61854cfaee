"""The signed-in person's organization."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from gateway import access, etag, refreshing, rpc
from gateway.declarations import Answer
from gateway.reading import JsonBody
from gateway.routes import Routes
from gateway.schemas.people import Organization, OrganizationChanges

routes = Routes("organization", "The signed-in person's organization")


@routes.get(
    "/organization",
    who=access.SIGNED_IN,
    has_tag=True,
    answers={200: Answer(Organization, "The organization.")},
)
def get_organization() -> Response:
    """The organization."""
    return etag.answer(rpc.call("identity", "get_organization"))


@routes.patch(
    "/organization",
    who=access.ADMINS,
    has_tag=True,
    body=JsonBody(OrganizationChanges),
    answers={200: Answer(Organization, "The organization as changed.")},
)
def change_organization(body: dict[str, Any]) -> Response:
    """Change the organization's name, time zone or rules of booking."""
    changed = rpc.change("identity", "update_organization", changes=body, **etag.if_version())
    refreshing.organization()
    return etag.answer(changed)
