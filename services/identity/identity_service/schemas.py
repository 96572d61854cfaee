"""The shapes of identity's RPC arguments and answers."""

from __future__ import annotations

import unicodedata
from typing import Any

from marshmallow import ValidationError, fields, validate

from chassis.fields import (
    BoundedList,
    StrictBoolean,
    StrictInteger,
    StrictSchema,
    Text,
    Zone,
    rfc3339,
)
from identity_service.domain import organizations, password_rules, passwords, people

BATCH = 500
MAX_IDS = 1000
MAX_LINKS = 200
MAX_VERSION = 2**31 - 1


class Email(Text):
    """An e-mail address, loaded in the form in which it is compared."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(min=1, max=people.MAX_EMAIL, **kw)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        address = people.normalized_email(super()._deserialize(value, attr, data, **kwargs))
        if not people.is_email(address):
            raise ValidationError("Not a valid e-mail address.")
        return address


class Name(Text):
    """A word of a person, with its accents in one form, so that equal names are equal."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(**{"min": 1, "max": 100, **kw})

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        return unicodedata.normalize("NFC", super()._deserialize(value, attr, data, **kwargs))


class SearchText(Text):
    """What somebody looks for: accents and the like in one form, single spaces; so long, then, as it is looked for."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        return " ".join(unicodedata.normalize("NFKC", text).split())


class Username(Name):
    """A name to sign in with."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(max=64, **kw)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        username = super()._deserialize(value, attr, data, **kwargs)
        if not people.is_username(username):
            raise ValidationError("A username has no spaces and no @.")
        return username


class Password(Text):
    """A password in the form that is counted and hashed. It is taken as it is: spaces count."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        return password_rules.normalized(super()._deserialize(value, attr, data, **kwargs))


def password(**kw: Any) -> Text:
    """A password to be set."""
    return Password(min=passwords.MIN_LENGTH, max=passwords.MAX_LENGTH, strip=False, **kw)


def role_names(**kw: Any) -> BoundedList:
    """One or more roles."""
    role = fields.String(validate=validate.OneOf(people.ROLES))
    return BoundedList(role, min=1, max=len(people.ROLES), **kw)


def ids(most: int, **kw: Any) -> BoundedList:
    """A list of ids."""
    return BoundedList(fields.UUID(), max=most, **kw)


def page_size() -> StrictInteger:
    """How many items a page has at most."""
    return StrictInteger(load_default=50, validate=validate.Range(1, 200))


def version() -> StrictInteger:
    """The version that the caller has seen."""
    return StrictInteger(
        load_default=None, allow_none=True, validate=validate.Range(1, MAX_VERSION)
    )


class OwnerSchema(StrictSchema):
    """The person who signs an organization up."""

    first_name = Name(required=True)
    last_name = Name(required=True)
    email = Email(required=True)
    password = password(required=True)


class CreateOrganizationSchema(StrictSchema):
    """Arguments of `create_organization`."""

    name = Text(min=1, max=200, required=True)
    time_zone = Zone(required=True)
    owner = fields.Nested(OwnerSchema, required=True)


class OrganizationChangesSchema(StrictSchema):
    """What can be changed of an organization."""

    name = Text(min=1, max=200)
    time_zone = Zone()
    conflict_policy = fields.String(validate=validate.OneOf(organizations.CONFLICT_POLICIES))
    students_may_book = fields.String(validate=validate.OneOf(organizations.STUDENTS_MAY_BOOK))


class UpdateOrganizationSchema(StrictSchema):
    """Arguments of `update_organization`."""

    changes = fields.Nested(OrganizationChangesSchema, required=True)
    if_version = version()


class PersonSchema(StrictSchema):
    """What people are made of."""

    first_name = Name(required=True)
    last_name = Name(required=True)
    email = Email(allow_none=True)
    username = Username(allow_none=True)
    phone = Text(min=1, max=50, allow_none=True)
    time_zone = Zone(allow_none=True)
    external_id = Name(allow_none=True)


class CreateUserSchema(PersonSchema):
    """Arguments of `create_user`. `send_invitation` needs an e-mail address and no password."""

    roles = role_names(required=True)
    password = password(load_default=None, allow_none=True)
    instructor_ids = ids(MAX_LINKS, load_default=list, allow_none=True)
    student_ids = ids(MAX_LINKS, load_default=list, allow_none=True)
    send_invitation = StrictBoolean(load_default=False)


class UserChangesSchema(StrictSchema):
    """What can be changed of a person."""

    first_name = Name()
    last_name = Name()
    email = Email(allow_none=True)
    username = Username(allow_none=True)
    phone = Text(min=1, max=50, allow_none=True)
    time_zone = Zone()
    external_id = Name(allow_none=True)
    roles = role_names()


class UpdateUserSchema(StrictSchema):
    """Arguments of `update_user`."""

    user_id = fields.UUID(required=True)
    changes = fields.Nested(UserChangesSchema, required=True)
    if_version = version()


class UserIdSchema(StrictSchema):
    """Arguments of calls about one person."""

    user_id = fields.UUID(required=True)


class EraseUserSchema(UserIdSchema):
    """Arguments of `erase_user`; `confirm` is the person's first and last name."""

    confirm = Text(min=1, max=300, required=True)


class UserIdsSchema(StrictSchema):
    """Arguments of `get_users`."""

    user_ids = ids(MAX_IDS, required=True)


class SearchUsersSchema(StrictSchema):
    """Arguments of `search_users`."""

    q = SearchText(max=200, load_default=None, allow_none=True)
    role = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(people.ROLES))
    status = fields.String(
        load_default=None, allow_none=True, validate=validate.OneOf(people.STATUSES)
    )
    among = ids(10_000, load_default=None, allow_none=True)
    limit = page_size()
    cursor = Text(max=1000, load_default=None, allow_none=True)


class ImportedPersonSchema(PersonSchema):
    """One person of a batch. Names may be left out for a person who is known."""

    role = fields.String(validate=validate.OneOf(people.ROLES))
    roles = role_names()
    first_name = Name(allow_none=True)
    last_name = Name(allow_none=True)


class UpsertUsersSchema(StrictSchema):
    """Arguments of `upsert_users`; each person is loaded on its own, so that one bad one stops no other."""

    people = BoundedList(fields.Raw(allow_none=True), max=BATCH, required=True)
    dry_run = StrictBoolean(load_default=False)
    send_invitations = StrictBoolean(load_default=False)


class ResolvePeopleSchema(StrictSchema):
    """Arguments of `resolve_people`."""

    logins = BoundedList(Text(min=1, max=people.MAX_EMAIL), max=MAX_IDS, required=True)


def user_json(row: Any) -> dict[str, Any]:
    """A person as the contract shows one."""
    return {
        "id": str(row.id),
        "roles": people.ordered_roles(row.roles),
        "first_name": row.first_name,
        "last_name": row.last_name,
        "email": row.email,
        "username": row.username,
        "status": row.status,
        "time_zone": row.time_zone,
        "phone": row.phone,
        "external_id": row.external_id,
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
        "version": row.version,
        "erased_at": None if row.erased_at is None else rfc3339(row.erased_at),
    }


def organization_json(row: Any) -> dict[str, Any]:
    """An organization as the contract shows one."""
    return {
        "id": str(row.id),
        "name": row.name,
        "slug": row.slug,
        "time_zone": row.time_zone,
        "conflict_policy": row.conflict_policy,
        "students_may_book": row.students_may_book,
        "version": row.version,
    }
