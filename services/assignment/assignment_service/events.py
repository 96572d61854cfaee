"""The events this service publishes and those it consumes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema

from assignment_service.domain import FutureSessions, Pair, Participant, Source, in_chunks
from chassis.events import Contract, Event, Published, Subscription
from chassis.fields import invalid, rfc3339

MOST_IN_ONE_EVENT: Final = 500


class AssignmentData(Schema):
    """An assignment as other services see it."""

    id = fields.UUID(required=True)
    instructor_id = fields.UUID(required=True)
    student_id = fields.UUID(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["active", "ended"]))
    source = fields.String(required=True, validate=validate.OneOf([s.value for s in Source]))
    assigned_at = fields.AwareDateTime(required=True)
    assigned_by = fields.UUID(required=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    ended_by = fields.UUID(required=True, allow_none=True)


class AssignmentCreated(Schema):
    """Up to 500 new assignments, made at once."""

    assignments = fields.List(fields.Nested(AssignmentData), required=True)


class AssignmentEnded(AssignmentCreated):
    """Up to 500 assignments that ended at once."""

    future_sessions = fields.String(
        required=True, validate=validate.OneOf([choice.value for choice in FutureSessions])
    )


PEOPLE_EVENTS: Final = (
    "user_created",
    "user_updated",
    "user_archived",
    "user_restored",
    "user_erased",
)

CONTRACT = Contract(
    service="assignment",
    calls=("identity",),
    publishes=(
        Published(
            "assignment_created",
            AssignmentCreated,
            "Instructors and students who may work together from now on",
            required=True,
        ),
        Published(
            "assignment_ended",
            AssignmentEnded,
            "Pairs that may no longer work together, and what becomes of their sessions to come",
            required=True,
        ),
    ),
    subscribes=(
        *(Subscription("identity", name) for name in PEOPLE_EVENTS),
        Subscription("booking", "session_booked"),
    ),
)


class Tolerant(Schema):
    """Base for consumed data: fields that a newer producer adds are ignored."""

    class Meta:
        unknown = EXCLUDE


class ParticipantData(Tolerant):
    """What identity says of a person."""

    id = fields.UUID(required=True)
    roles = fields.List(fields.String(), required=True)
    status = fields.String(required=True)
    version = fields.Integer(required=True, validate=validate.Range(min=0, max=2**63 - 1))


class ChosenPair(Tolerant):
    """An assignment chosen while a person was added; identity gave it its id."""

    id = fields.UUID(required=True)
    instructor_id = fields.UUID(required=True)
    student_id = fields.UUID(required=True)


class PeopleData(Tolerant):
    """People whose state changed."""

    users = fields.List(fields.Nested(ParticipantData), required=True)


class UserCreatedData(PeopleData):
    """New people and, for way 1, who was chosen for them."""

    assignments = fields.List(fields.Nested(ChosenPair), load_default=list)
    assigned_by = fields.UUID(load_default=None, allow_none=True)

    @validates_schema
    def needs_an_author(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Assignments say who made them."""
        if data["assignments"] and data["assigned_by"] is None:
            raise ValidationError("Missing for these assignments.", "assigned_by")


class BookedSession(Tolerant):
    """What matters here of a booked session."""

    instructor_id = fields.UUID(required=True)
    student_id = fields.UUID(required=True)
    booked_by = fields.UUID(required=True)


class SessionBookedData(Tolerant):
    """A booked session; `assigns_pair` when an administrator booked it."""

    session = fields.Nested(BookedSession, required=True)
    assigns_pair = fields.Boolean(load_default=False)


PEOPLE: Final = PeopleData()
USER_CREATED: Final = UserCreatedData()
SESSION_BOOKED: Final = SessionBookedData()


def read(schema: Schema, event: Event) -> dict[str, Any]:
    """A consumed event's data; Invalid, and in the end the dead letters, for what is not as agreed."""
    try:
        loaded: dict[str, Any] = schema.load(event.data)
    except ValidationError as error:
        raise invalid(error.messages) from error
    return loaded


def read_people(event: Event) -> list[Participant]:
    """The people an identity event tells of."""
    return participants(read(PEOPLE, event)["users"])


def read_user_created(
    event: Event,
) -> tuple[list[Participant], dict[Pair, uuid.UUID], uuid.UUID]:
    """New people, the pairs chosen for them with their assignments' ids, and by whom."""
    data = read(USER_CREATED, event)
    chosen = {Pair(a["instructor_id"], a["student_id"]): a["id"] for a in data["assignments"]}
    return participants(data["users"]), chosen, data["assigned_by"]


def read_assigning_session(event: Event) -> tuple[Pair, uuid.UUID] | None:
    """The pair of a booked session and who booked it; None for a booking that assigns nobody."""
    data = read(SESSION_BOOKED, event)
    if not data["assigns_pair"]:
        return None
    session = data["session"]
    return Pair(session["instructor_id"], session["student_id"]), session["booked_by"]


def participants(users: Iterable[Mapping[str, Any]]) -> list[Participant]:
    """Loaded `ParticipantData` in our terms."""
    return [
        Participant(
            id=user["id"],
            is_instructor="instructor" in user["roles"],
            is_student="student" in user["roles"],
            is_archived=user["status"] == "archived",
            version=user["version"],
        )
        for user in users
    ]


def fact(row: Any) -> dict[str, Any]:
    """The plain form of a stored assignment, in results and events alike."""
    return {
        "id": str(row.id),
        "instructor_id": str(row.instructor_id),
        "student_id": str(row.student_id),
        "status": "active" if row.ended_at is None else "ended",
        "source": row.source,
        "assigned_at": rfc3339(row.assigned_at),
        "assigned_by": str(row.assigned_by),
        "ended_at": None if row.ended_at is None else rfc3339(row.ended_at),
        "ended_by": None if row.ended_by is None else str(row.ended_by),
    }


def created(facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The data of `assignment_created`."""
    return {"assignments": list(facts)}


def ended(facts: Sequence[dict[str, Any]], future_sessions: FutureSessions) -> dict[str, Any]:
    """The data of `assignment_ended`."""
    return {"assignments": list(facts), "future_sessions": future_sessions.value}


def batches(
    facts: Sequence[dict[str, Any]], cause: str
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The facts in events' worths with the subject of each: the pair if it is one, else the common cause."""
    for batch in in_chunks(facts, MOST_IN_ONE_EVENT):
        alone = len(facts) == 1
        yield (subject_of(batch[0]) if alone else cause), batch


def subject_of(assignment: Mapping[str, Any]) -> str:
    """The subject of a single pair's events."""
    return f"{assignment['instructor_id']}:{assignment['student_id']}"
