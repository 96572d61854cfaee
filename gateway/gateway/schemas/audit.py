"""The audit log's entries."""

from __future__ import annotations

from marshmallow import fields

from chassis.fields import StrictInteger, Text
from gateway.pages import PageQuery
from gateway.schemas.fields import Shape, identifier, moment

HASH = {"description": "SHA-256, in hexadecimal.", "pattern": "^[0-9a-f]{64}$"}


AuditQuery = type(
    "AuditQuery",
    (PageQuery,),
    {
        "__doc__": "Filters, all of which an entry must pass.",
        # `from` is a word of Python's, so this class can't be written as one.
        "from": moment(metadata={"description": "Entries of this moment or later."}),
        "to": moment(metadata={"description": "Entries before this moment."}),
        "action": Text(
            min=1,
            max=60,
            metadata={"description": "What was done.", "examples": ["assignment.created"]},
        ),
        "actor_id": identifier(metadata={"description": "Who did it."}),
        "target_id": identifier(metadata={"description": "To whom or what it was done."}),
    },
)


class AuditEntry(Shape):
    """Who did what to whom, when, from where; with the hash of the entry before it a chain that can be checked."""

    organization_id = identifier(required=True)
    number = StrictInteger(
        required=True, metadata={"description": "From 1, without gaps, in the order of writing."}
    )
    at = moment(required=True)
    actor_id = identifier(
        required=True, allow_none=True, metadata={"description": "Null when nobody is known."}
    )
    address = fields.String(
        required=True,
        metadata={
            "description": "The client's IP address; empty for what began inside.",
            "examples": ["192.0.2.7"],
        },
    )
    action = fields.String(required=True, metadata={"examples": ["assignment.created"]})
    targets = fields.List(identifier(), required=True)
    details = fields.Dict(
        required=True, metadata={"description": "Facts and ids, by the kind of action."}
    )
    previous_hash = fields.String(required=True, metadata=HASH)
    hash = fields.String(required=True, metadata=HASH)


class AuditPage(Shape):
    """Some entries, newest first."""

    items = fields.List(fields.Nested(AuditEntry), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
