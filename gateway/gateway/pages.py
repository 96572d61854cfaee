"""Lists: their query parameters and collecting more than one page."""

from __future__ import annotations

from typing import Any

from marshmallow import validate

from chassis.fields import StrictInteger, StrictSchema, Text
from gateway import rpc

LARGEST = 200


class PageQuery(StrictSchema):
    """What every list takes."""

    limit = StrictInteger(
        validate=validate.Range(min=1, max=LARGEST),
        metadata={
            "description": "How many items at most; fewer where they are large. `next_cursor` tells if there are more.",
            "default": 50,
        },
    )
    cursor = Text(
        max=500,
        metadata={
            "description": "`next_cursor` of the page before.",
            "pattern": "^[A-Za-z0-9_=-]*$",
        },
    )


def everything(service: str, method: str, **arguments: Any) -> list[Any]:
    """The items of all pages of a list, for lists that a person's own work bounds."""
    page = rpc.call(service, method, limit=LARGEST, **arguments)
    items: list[Any] = page["items"]
    while page["next_cursor"]:
        page = rpc.call(service, method, limit=LARGEST, cursor=page["next_cursor"], **arguments)
        items.extend(page["items"])
    return items
