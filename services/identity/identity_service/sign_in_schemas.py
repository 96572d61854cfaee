"""The shapes of the arguments for signing in, for links and for passwords."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from chassis.fields import StrictSchema, Text, Zone
from identity_service import schemas
from identity_service.domain import people


def given_token(**kw: Any) -> Text:
    """The token of a link, as whoever opens it gives it."""
    return Text(min=1, max=200, required=True, **kw)


def given_password(**kw: Any) -> Text:
    """A password to be compared."""
    return schemas.Password(min=1, max=1000, strip=False, **kw)


class AuthenticateSchema(StrictSchema):
    """Arguments of `authenticate`."""

    login = Text(min=1, max=people.MAX_EMAIL, required=True)
    password = given_password(required=True)
    organization = Text(min=1, max=100, load_default=None, allow_none=True)


class RefreshSchema(StrictSchema):
    """Arguments of `refresh`."""

    refresh_token = Text(min=1, max=200, required=True)


class AccessTokenSchema(StrictSchema):
    """Arguments of `verify_token` and `revoke`."""

    access_token = Text(min=1, max=200, required=True)


class OwnChangesSchema(StrictSchema):
    """What people may change of themselves together with their password."""

    time_zone = Zone()


class ChangePasswordSchema(StrictSchema):
    """Arguments of `change_password`. The login of `access_token`, if it is given, goes on."""

    current_password = given_password(required=True)
    password = schemas.password(required=True)
    access_token = Text(min=1, max=200, load_default=None, allow_none=True)
    changes = fields.Nested(OwnChangesSchema, load_default=dict)
    if_version = schemas.version()


class LinkSchema(StrictSchema):
    """Arguments of `accept_invitation` and `reset_password`."""

    token = given_token()
    password = schemas.password(required=True)


class ForgotPasswordSchema(StrictSchema):
    """Arguments of `forgot_password`."""

    login = Text(min=1, max=people.MAX_EMAIL, required=True)
    organization = Text(min=1, max=100, load_default=None, allow_none=True)


class InviteUsersSchema(StrictSchema):
    """Arguments of `invite_users`; without `user_ids` everybody who was held back."""

    user_ids = schemas.ids(schemas.MAX_IDS, load_default=None, allow_none=True)
