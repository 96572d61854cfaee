"""The events that identity publishes. They carry ids and facts, never names or addresses."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from chassis.audit import AUDIT_RECORDED
from chassis.events import Contract, Published, Subscription
from identity_service import audited
from identity_service.domain.organizations import CONFLICT_POLICIES, STUDENTS_MAY_BOOK
from identity_service.domain.people import ROLES, STATUSES, ordered_roles


class ParticipantSchema(Schema):
    """What others need to know of a person."""

    id = fields.UUID(required=True)
    roles = fields.List(fields.String(validate=validate.OneOf(ROLES)), required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    time_zone = fields.String(required=True)
    version = fields.Integer(required=True)


class NewAssignmentSchema(Schema):
    """An assignment that was chosen when a person was created."""

    id = fields.UUID(required=True)
    instructor_id = fields.UUID(required=True)
    student_id = fields.UUID(required=True)


class UsersSchema(Schema):
    """Up to 500 people after a change of the same kind."""

    users = fields.List(fields.Nested(ParticipantSchema), required=True)


class UsersCreatedSchema(UsersSchema):
    """New people, and the assignments chosen with them by `assigned_by`."""

    assignments = fields.List(fields.Nested(NewAssignmentSchema), required=True)
    assigned_by = fields.UUID(required=True, allow_none=True)


class OrganizationSchema(Schema):
    """An organization and its settings; its name is no secret, unlike a person's."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    slug = fields.String(required=True)
    time_zone = fields.String(required=True)
    conflict_policy = fields.String(required=True, validate=validate.OneOf(CONFLICT_POLICIES))
    students_may_book = fields.String(required=True, validate=validate.OneOf(STUDENTS_MAY_BOOK))
    version = fields.Integer(required=True)


class OrganizationEventSchema(Schema):
    """An organization after a change."""

    organization = fields.Nested(OrganizationSchema, required=True)


class CredentialsRevokedSchema(Schema):
    """Tokens of a person were ended: those of one login, or all if `login_id` is null."""

    user_id = fields.UUID(required=True)
    login_id = fields.UUID(required=True, allow_none=True)


CONTRACT = Contract(
    service="identity",
    publishes=(
        Published(
            "organization_created",
            OrganizationEventSchema,
            "An organization signed up.",
            required=True,
        ),
        Published(
            "organization_updated",
            OrganizationEventSchema,
            "An organization's name, time zone or settings changed.",
            required=True,
        ),
        Published(
            "user_created",
            UsersCreatedSchema,
            "People were added, perhaps with assignments to make.",
            required=True,
        ),
        Published("user_updated", UsersSchema, "Something about people changed.", required=True),
        Published("user_archived", UsersSchema, "People were archived.", required=True),
        Published("user_restored", UsersSchema, "People were restored.", required=True),
        Published(
            "user_erased",
            UsersSchema,
            "People were erased: whatever is kept of them is to be forgotten.",
            required=True,
        ),
        Published(
            "credentials_revoked",
            CredentialsRevokedSchema,
            "A person's tokens were ended: by signing out, a new password, a stolen token, archiving or erasure.",
        ),
        AUDIT_RECORDED,
    ),
    subscribes=(
        # Its own: what is forgotten of erased people takes longer than a call may.
        Subscription("identity", "user_erased"),
        *audited.SUBSCRIPTIONS,
    ),
)


def participant(row: Any) -> dict[str, Any]:
    """A person as events show one."""
    return {
        "id": str(row.id),
        "roles": ordered_roles(row.roles),
        "status": row.status,
        "time_zone": row.time_zone,
        "version": row.version,
    }


def users_created(
    rows: list[Any], assignments: list[dict[str, str]], assigned_by: str | None
) -> dict[str, Any]:
    """Data of `user_created`."""
    return {
        "users": [participant(row) for row in rows],
        "assignments": assignments,
        "assigned_by": assigned_by,
    }


def users_changed(rows: list[Any]) -> dict[str, Any]:
    """Data of `user_updated`, `user_archived`, `user_restored` and `user_erased`."""
    return {"users": [participant(row) for row in rows]}
