"""Which events become entries of the audit log, and what they say there: ids and facts, no names or addresses."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, fields, validate

from chassis import audit
from chassis.errors import Invalid
from chassis.events import Event, Subscription
from chassis.fields import load
from identity_service.domain.audit import Fact

SUBSCRIPTIONS: Final = (
    *(Subscription(source, audit.EVENT) for source in ("identity", "booking", "messaging")),
    *(Subscription("identity", f"user_{what}") for what in ("created", "archived", "restored")),
    *(Subscription("assignment", f"assignment_{what}") for what in ("created", "ended")),
    Subscription("import", "import_finished"),
)


class Tolerant(Schema):
    """Events of others may carry more than we know."""

    class Meta:
        unknown = EXCLUDE


class RecordedData(Tolerant):
    """`audit_recorded` of any service."""

    action = fields.String(required=True, validate=validate.Regexp(audit.ACTION))
    actor_id = fields.UUID(load_default=None, allow_none=True)
    targets = fields.List(
        fields.UUID(), required=True, validate=validate.Length(max=audit.MAX_TARGETS)
    )
    details = fields.Dict(required=True)


class PersonData(Tolerant):
    """A person in identity's own events."""

    id = fields.UUID(required=True)
    roles = fields.List(fields.String(), required=True)
    status = fields.String(required=True)


class PeopleData(Tolerant):
    """`user_created`, `user_archived`, `user_restored`."""

    users = fields.List(fields.Nested(PersonData), required=True)


class AssignmentData(Tolerant):
    """An assignment that began or ended."""

    instructor_id = fields.UUID(required=True)
    student_id = fields.UUID(required=True)
    source = fields.String(required=True)
    assigned_by = fields.UUID(required=True)
    ended_by = fields.UUID(load_default=None, allow_none=True)


class AssignmentsData(Tolerant):
    """`assignment_created` and `assignment_ended`."""

    assignments = fields.List(
        fields.Nested(AssignmentData), required=True, validate=validate.Length(min=1)
    )
    future_sessions = fields.String(load_default=None)


class ImportData(Tolerant):
    """`import_finished`."""

    import_id = fields.UUID(required=True)
    status = fields.String(
        required=True, validate=validate.OneOf(["finished", "failed", "cancelled"])
    )
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


def facts_of(events: Sequence[Event]) -> list[Fact]:
    """What the events put on record, in order. Invalid for one that is not as agreed."""
    return [fact_of(event) for event in events]


def fact_of(event: Event) -> Fact:
    """One event's fact."""
    schema, read = READERS[event.name]
    fact = read(event, load(schema, event.data))
    try:
        audit.require_plain(fact.details)
    except ValueError as error:
        raise Invalid.field("/details", str(error)) from error
    return fact


def fact(
    event: Event,
    action: str,
    actor_id: uuid.UUID | None,
    targets: Iterable[uuid.UUID],
    details: dict[str, Any],
) -> Fact:
    """A fact with the event's time and address, and each target once."""
    return Fact(
        organization_id=event.organization_id,
        at=event.time,
        actor_id=actor_id,
        address=event.address,
        action=action,
        targets=tuple(dict.fromkeys(targets)),
        details=details,
    )


def recorded(event: Event, data: Mapping[str, Any]) -> Fact:
    """What a service said in so many words; it may know better than the envelope who acted."""
    actor_id = data["actor_id"] or event.actor_id
    return fact(event, data["action"], actor_id, data["targets"], data["details"])


def people_changed(event: Event, data: Mapping[str, Any]) -> Fact:
    """People who came, went or came back."""
    people = [
        {"id": str(user["id"]), "roles": user["roles"], "status": user["status"]}
        for user in data["users"]
    ]
    targets = [user["id"] for user in data["users"]]
    return fact(event, event.name.replace("_", "."), event.actor_id, targets, {"people": people})


def assignments_changed(event: Event, data: Mapping[str, Any]) -> Fact:
    """Up to 500 pairs that may, or may no longer, work together."""
    pairs = data["assignments"]
    said_by = "assigned_by" if event.name == "assignment_created" else "ended_by"
    details: dict[str, Any] = {"pairs": [pair_details(pair) for pair in pairs]}
    if data["future_sessions"] is not None:
        details["future_sessions"] = data["future_sessions"]
    targets = [pair[side] for pair in pairs for side in ("instructor_id", "student_id")]
    actor_id = event.actor_id or pairs[0][said_by]
    return fact(event, event.name.replace("_", "."), actor_id, targets, details)


def pair_details(pair: Mapping[str, Any]) -> dict[str, Any]:
    """One pair, and in which of the four ways it was assigned."""
    return {
        "instructor_id": str(pair["instructor_id"]),
        "student_id": str(pair["student_id"]),
        "source": pair["source"],
    }


def import_ended(event: Event, data: Mapping[str, Any]) -> Fact:
    """An upload that was applied, failed or was cancelled."""
    action = {"finished": "import.applied"}.get(data["status"], f"import.{data['status']}")
    return fact(event, action, event.actor_id, [data["import_id"]], {"counts": data["counts"]})


Reader = Callable[[Event, Mapping[str, Any]], Fact]

READERS: Final[dict[str, tuple[type[Schema], Reader]]] = {
    audit.EVENT: (RecordedData, recorded),
    "user_created": (PeopleData, people_changed),
    "user_archived": (PeopleData, people_changed),
    "user_restored": (PeopleData, people_changed),
    "assignment_created": (AssignmentsData, assignments_changed),
    "assignment_ended": (AssignmentsData, assignments_changed),
    "import_finished": (ImportData, import_ended),
}
