"""Identity's stable error codes. The README says when each happens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from chassis.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Unavailable

# Which unique index says what is taken.
TAKEN = {
    "users_email_key": ("identity.email_taken", "/email", "e-mail address"),
    "users_username_key": ("identity.username_taken", "/username", "username"),
    "users_external_id_key": ("identity.external_id_taken", "/external_id", "external id"),
}


def bad_credentials() -> Forbidden:
    """Unknown login, wrong password, archived or not yet activated: all the same to the outside."""
    return Forbidden("identity.bad_credentials", "Login or password is not right.")


def choose_organization(organizations: Sequence[dict[str, str]]) -> Conflict:
    """The login and password are right in several organizations."""
    return Conflict(
        "identity.choose_organization",
        "This login exists in several organizations; choose one.",
        data={"organizations": list(organizations)},
    )


def bad_token() -> Forbidden:
    """The access token is unknown, expired or revoked."""
    return Forbidden("identity.bad_token", "The access token is not valid; sign in again.")


def bad_refresh_token() -> Forbidden:
    """The refresh token is unknown, expired, revoked or was used before."""
    return Forbidden("identity.bad_refresh_token", "The refresh token is not valid; sign in again.")


def too_many_attempts(wait: float) -> Forbidden:
    """Refused before the password was looked at; `data.retry_after` says in whole seconds when to try again."""
    return Forbidden(
        "identity.too_many_attempts",
        "Too many attempts; wait a little and try again.",
        data={"retry_after": max(1, math.ceil(wait))},
    )


def too_many_passwords(wait: float) -> Forbidden:
    """Refused for what it would cost: the client or the account has had many passwords hashed, right ones too."""
    return Forbidden(
        "identity.too_many_attempts",
        "Too many passwords to check or to set; wait a little and try again.",
        data={"retry_after": max(1, math.ceil(wait))},
    )


def busy(wait: float) -> Unavailable:
    """Others have all places of those who wait for a hash."""
    return Unavailable(
        "identity.busy",
        "Very many people are signing in at the moment; try again.",
        data={"retry_after": max(1, math.ceil(wait))},
    )


def bad_link() -> Invalid:
    """The link is unknown, used, expired, ended by a newer one, or its person archived: all the same."""
    detail = "This link does not work any more; ask for a new one."
    return Invalid.field("/token", detail, code="identity.bad_link")


def weak_password(pointer: str, detail: str) -> Invalid:
    """A common password, or one made of what everybody knows of the account."""
    return Invalid.field(pointer, detail, code="identity.weak_password")


def already_active() -> Conflict:
    """Somebody who has a password needs no invitation."""
    return Conflict("identity.already_active", "This person has accepted an invitation already.")


def archived_person() -> Conflict:
    """Archived people are not invited."""
    return Conflict("identity.archived_person", "This person is archived.")


def no_email() -> Conflict:
    """An invitation needs an address to go to."""
    return Conflict("identity.no_email", "This person has no e-mail address.")


def unknown_user() -> NotFound:
    """No such person in the actor's organization."""
    return NotFound("identity.unknown_user", "There is no such person.")


def stale_version(present: int) -> Conflict:
    """`if_version` is not the present one."""
    return Conflict(
        "identity.stale_version",
        "It was changed meanwhile; read it again.",
        data={"version": present},
    )


def last_owner() -> Conflict:
    """An organization never loses its last active owner."""
    return Conflict("identity.last_owner", "The organization needs an active owner.")


def archives_themselves() -> Conflict:
    """Nobody archives themselves."""
    return Conflict("identity.own_account", "You can't archive your own account.")


def erases_themselves() -> Conflict:
    """Nobody erases themselves."""
    return Conflict("identity.own_account", "You can't erase your own account.")


def erased() -> Conflict:
    """The person was erased, which nothing undoes."""
    return Conflict("identity.erased", "This person was erased.")


def wrong_confirmation() -> Invalid:
    """The name that confirms an erasure is not the person's."""
    detail = "Write the person's first and last name as they are shown."
    return Invalid.field("/confirm", detail, code="identity.wrong_confirmation")


def taken(constraint: str | None) -> Conflict | None:
    """The conflict that a violated unique index means; None for any other constraint."""
    if constraint not in TAKEN:
        return None
    code, pointer, what = TAKEN[constraint]
    detail = f"Somebody else has this {what}."
    return Conflict(code, detail, errors=[FieldError(pointer, detail)])


def invalid_fields(problems: Sequence[tuple[str, str]]) -> Invalid:
    """Fields that contradict each other or the database; (pointer, detail) each."""
    errors = [FieldError(pointer, detail) for pointer, detail in problems]
    return Invalid("request.invalid", "Some fields are not valid.", errors=errors)


def admins_only() -> Forbidden:
    """Managing people and the organization is for admins and owners."""
    return Forbidden("access.admin_only", "Only an admin may do this.")


def owners_only() -> Forbidden:
    """Only an owner makes, changes or archives an owner."""
    return Forbidden("access.owner_only", "Only an owner may do this.")


def item_error(pointer: str, code: str, detail: str) -> dict[str, Any]:
    """One problem of one person of a batch, in plain form."""
    return {"pointer": pointer, "code": code, "detail": detail}
