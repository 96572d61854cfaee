"""Users, organizations, sign-in."""

from __future__ import annotations

from marshmallow import fields, validate

from chassis.fields import StrictBoolean, StrictInteger, StrictSchema, Text
from gateway.pages import PageQuery
from gateway.schemas.fields import ROLES, Shape, identifier, moment, roles, word, zone

PASSWORD = {
    "description": "8 to 128 characters, not one of the common passwords.",
    "format": "password",
}


class User(Shape):
    """A person of an organization."""

    id = identifier(required=True)
    roles = roles(required=True)
    first_name = fields.String(required=True, metadata={"examples": ["Ada"]})
    last_name = fields.String(required=True, metadata={"examples": ["Lovelace"]})
    email = fields.String(
        required=True, allow_none=True, metadata={"examples": ["ada@example.com"]}
    )
    username = fields.String(required=True, allow_none=True)
    status = word("invited", "active", "archived", required=True)
    time_zone = zone(required=True)
    phone = fields.String(required=True, allow_none=True)
    external_id = fields.String(required=True, allow_none=True)
    created_at = moment(required=True)
    updated_at = moment(required=True)
    version = StrictInteger(required=True)
    erased_at = moment(
        required=True,
        allow_none=True,
        metadata={"description": "When the person was erased; names and addresses are gone then."},
    )


class UserPage(Shape):
    """Some users, best match first."""

    items = fields.List(fields.Nested(User), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class MadeAssignment(Shape):
    """An assignment made together with a user."""

    id = identifier(required=True)
    instructor_id = identifier(required=True)
    student_id = identifier(required=True)
    status = word(
        "active",
        "pending",
        required=True,
        metadata={
            "description": "`pending`: made in a moment, when the assignment service is there."
        },
    )


class CreatedUser(User):
    """A new user; `assignments` where people were chosen."""

    assignments = fields.List(fields.Nested(MadeAssignment))


class Name(StrictSchema):
    """The fields that describe a person."""

    first_name = Text(min=1, max=100, metadata={"examples": ["Ada"]})
    last_name = Text(min=1, max=100, metadata={"examples": ["Lovelace"]})
    email = fields.Email(
        allow_none=True,
        validate=validate.Length(max=254),
        metadata={"examples": ["ada@example.com"]},
    )
    username = Text(
        min=1, max=64, allow_none=True, metadata={"description": "Without spaces and @."}
    )
    time_zone = zone()
    phone = Text(min=1, max=50, allow_none=True, metadata={"examples": ["+49 30 901820"]})
    external_id = Text(min=1, max=100, allow_none=True)


class NewUser(Name):
    """A person to add. Students may have no e-mail address, but then a username."""

    roles = roles(required=True)
    first_name = Text(required=True, min=1, max=100, metadata={"examples": ["Ada"]})
    last_name = Text(required=True, min=1, max=100, metadata={"examples": ["Lovelace"]})
    password = Text(min=8, max=128, strip=False, metadata=PASSWORD)
    instructor_ids = fields.List(
        identifier(),
        validate=validate.Length(max=200),
        metadata={"description": "A student's instructors, assigned at once."},
    )
    student_ids = fields.List(
        identifier(),
        validate=validate.Length(max=200),
        metadata={"description": "An instructor's students, assigned at once."},
    )
    send_invitation = StrictBoolean(
        metadata={
            "description": "Whether to mail an invitation at once; without it, to whoever has an `email` and no "
            "`password`. `false` holds it back, for POST /users/{id}/invite or /users/invitations."
        }
    )


class Invitations(StrictSchema):
    """Whom to invite."""

    user_ids = fields.List(
        identifier(),
        validate=validate.Length(max=1000),
        metadata={"description": "Without it all whose invitation was held back."},
    )


class Invited(Shape):
    """How many invitations go out."""

    invited = StrictInteger(required=True)
    more = fields.Boolean(
        required=True,
        metadata={"description": "Whether there are more than one call can take: call again."},
    )


class UserChanges(Name):
    """What to change of a user."""

    roles = roles()


class Erasure(StrictSchema):
    """What confirms that a person is to be erased."""

    confirm = Text(
        required=True,
        min=1,
        max=300,
        metadata={
            "description": "The person's first and last name, as they are shown.",
            "examples": ["Ada Lovelace"],
        },
    )


class UserQuery(PageQuery):
    """Filters of users."""

    q = Text(
        max=200,
        metadata={
            "description": "First name, last name, e-mail, username or external id; prefixes and small typos."
        },
    )
    role = word(*ROLES)
    status = word("invited", "active", "archived")


class OwnChanges(StrictSchema):
    """What people may change of themselves."""

    time_zone = zone()
    password = Text(min=8, max=128, strip=False, metadata=PASSWORD)
    current_password = Text(
        min=1,
        max=1000,
        strip=False,
        metadata={"description": "Needed for a new password.", "format": "password"},
    )


class Organization(Shape):
    """A tutoring organization."""

    id = identifier(required=True)
    name = fields.String(required=True, metadata={"examples": ["Bright Minds"]})
    slug = fields.String(required=True, metadata={"examples": ["bright-minds"]})
    time_zone = zone(required=True)
    conflict_policy = word("block", "warn", required=True)
    students_may_book = word("no", "request", "yes", required=True)
    version = StrictInteger(required=True)


class OrganizationChanges(StrictSchema):
    """What to change of the organization."""

    name = Text(min=1, max=200)
    time_zone = zone()
    conflict_policy = word("block", "warn")
    students_may_book = word("no", "request", "yes")


class Owner(StrictSchema):
    """The person who signs an organization up."""

    first_name = Text(required=True, min=1, max=100)
    last_name = Text(required=True, min=1, max=100)
    email = fields.Email(required=True, metadata={"examples": ["ada@example.com"]})
    password = Text(required=True, min=8, max=128, strip=False, metadata=PASSWORD)


class SignUp(StrictSchema):
    """A new organization."""

    name = Text(required=True, min=1, max=200, metadata={"examples": ["Bright Minds"]})
    time_zone = zone(required=True)
    owner = fields.Nested(Owner, required=True)


class SignedIn(Shape):
    """Tokens, and whose they are."""

    access_token = fields.String(required=True)
    refresh_token = fields.String(required=True)
    expires_in = StrictInteger(required=True, metadata={"description": "Seconds."})
    user = fields.Nested(User, required=True)
    organization = fields.Nested(Organization, required=True)


class Login(StrictSchema):
    """Credentials."""

    login = Text(
        required=True, min=1, max=254, metadata={"description": "E-mail address or username."}
    )
    password = Text(required=True, min=1, max=1000, strip=False, metadata={"format": "password"})
    organization = Text(
        min=1, max=100, metadata={"description": "Its slug, if the login exists in several."}
    )


class Refresh(StrictSchema):
    """A refresh token, good for one use."""

    refresh_token = Text(required=True, min=1, max=200)


class Link(StrictSchema):
    """What a mailed link holds, and the password chosen there."""

    token = Text(required=True, min=1, max=200)
    password = Text(required=True, min=8, max=128, strip=False, metadata=PASSWORD)


class Forgotten(StrictSchema):
    """Whose password is forgotten."""

    login = Text(
        required=True, min=1, max=254, metadata={"description": "E-mail address or username."}
    )
    organization = Text(
        min=1,
        max=100,
        metadata={"description": "Its slug; without it all in which the login exists."},
    )


class Nothing(Shape):
    """Nothing to tell."""
