"""The signed-in person."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from chassis.context import current_actor
from chassis.errors import FieldError, Forbidden, Invalid
from gateway import access, archives, auth, etag, refreshing, rpc
from gateway.declarations import Answer
from gateway.parts import parts
from gateway.reading import JsonBody
from gateway.routes import Routes
from gateway.schemas.people import OwnChanges, User

routes = Routes("me", "The signed-in person")


@routes.get(
    "/me", who=access.SIGNED_IN, has_tag=True, answers={200: Answer(User, "The signed-in person.")}
)
def get_me() -> Response:
    """Who is signed in."""
    return etag.answer(own_user())


@routes.patch(
    "/me",
    who=access.SIGNED_IN,
    has_tag=True,
    body=JsonBody(OwnChanges),
    answers={200: Answer(User, "The person as changed.")},
)
def change_me(body: dict[str, Any]) -> Response:
    """Change one's own time zone or password, or both.

    A new password needs the `current_password`, and ends all other logins.
    """
    refuse_half_a_password(body)
    changes = {key: body[key] for key in ("time_zone",) if key in body}
    condition = etag.if_version()
    if "password" in body:
        user = change_password(body, changes=changes, **condition)
    else:
        user_id = str(current_actor().user_id)
        user = rpc.change("identity", "update_user", user_id=user_id, changes=changes, **condition)
    if changes:
        refreshing.people(user["id"])
    return etag.answer(user)


@routes.get(
    "/me/export",
    who=access.SIGNED_IN,
    answers={200: Answer(None, "A ZIP file; README.txt in it.", content_type=archives.ZIP)},
)
def export_me() -> Response:
    """Everything that is kept about the signed-in person, as one archive."""
    return archives.of_person(str(current_actor().user_id))


def own_user() -> dict[str, Any]:
    """The signed-in person."""
    user: dict[str, Any] = rpc.call("identity", "get_user", user_id=str(current_actor().user_id))
    return user


def refuse_half_a_password(body: dict[str, Any]) -> None:
    """Invalid if only one of the old and the new password is given."""
    if ("password" in body) != ("current_password" in body):
        missing = "password" if "current_password" in body else "current_password"
        raise Invalid.field(f"/{missing}", "Give both the new and the current password.")


def change_password(body: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    """Changes it, with all else. A wrong current password is a wrong field here, not a wrong sign-in."""
    try:
        user: dict[str, Any] = rpc.change_costly(
            "change_password",
            current_password=body["current_password"],
            password=body["password"],
            # This login goes on; all others end.
            access_token=auth.bearer_token(),
            **arguments,
        )
    except Forbidden as error:
        if error.code != "identity.bad_credentials":
            raise
        wrong = FieldError("/current_password", "Not your current password.")
        raise Invalid(
            "identity.wrong_password", "The password was not changed.", errors=[wrong]
        ) from error
    parts().tokens.forget_user(current_actor().user_id)
    return user
