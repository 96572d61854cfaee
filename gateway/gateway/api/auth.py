"""Sign-up and sign-in."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from chassis.context import current_actor
from chassis.errors import Forbidden
from gateway import access, answers, auth, rpc, signing_in
from gateway.declarations import Answer
from gateway.parts import parts
from gateway.reading import JsonBody
from gateway.routes import Routes
from gateway.schemas.people import Forgotten, Link, Login, Nothing, Refresh, SignedIn, SignUp

routes = Routes("auth", "Sign-up and sign-in")


@routes.post(
    "/organizations",
    who=access.ANYONE,
    body=JsonBody(SignUp),
    answers={201: Answer(SignedIn, "The organization and its owner, signed in.")},
    fails=(403,),
)
def sign_up(body: dict[str, Any]) -> Response:
    """Sign up an organization and its owner."""
    if not parts().settings.sign_up_enabled:
        raise Forbidden("access.sign_up_disabled", "Signing up is switched off here.")
    return answers.json(rpc.change_costly("create_organization", **body), 201)


@routes.post(
    "/auth/login",
    who=access.ANYONE,
    body=JsonBody(Login),
    answers={200: Answer(SignedIn, "Signed in.")},
    fails=(401, 403),
)
def log_in(body: dict[str, Any]) -> Response:
    """Sign in with e-mail address or username, and password."""
    return answers.json(signing_in.authenticate(body))


@routes.post(
    "/auth/refresh",
    who=access.ANYONE,
    body=JsonBody(Refresh),
    answers={200: Answer(SignedIn, "Signed in anew.")},
    fails=(401, 403),
)
def refresh(body: dict[str, Any]) -> Response:
    """Exchange a refresh token for new tokens.

    Each is good once. One that is used again was probably stolen: all that came from it are refused then.
    """
    return answers.json(rpc.change("identity", "refresh", **body))


@routes.post(
    "/auth/accept-invitation",
    who=access.ANYONE,
    body=JsonBody(Link),
    answers={200: Answer(SignedIn, "The password is set, and the person signed in.")},
)
def accept_invitation(body: dict[str, Any]) -> Response:
    """Choose the first password, by an invitation's link.

    422 `identity.bad_link` when the link is unknown, used, expired, or ended by a newer one.
    """
    return answers.json(rpc.change_costly("accept_invitation", **body))


@routes.post(
    "/auth/forgot-password",
    who=access.ANYONE,
    body=JsonBody(Forgotten),
    answers={
        202: Answer(Nothing, "If there is such a person with an e-mail address, a link is mailed.")
    },
)
def forgot_password(body: dict[str, Any]) -> Response:
    """Ask for a link to choose a new password; the answer does not tell whether there is such a person."""
    rpc.change("identity", "forgot_password", **body)
    return answers.json({}, 202)


@routes.post(
    "/auth/reset-password",
    who=access.ANYONE,
    body=JsonBody(Link),
    answers={204: Answer(description="The password is set, and all the person's logins ended.")},
)
def reset_password(body: dict[str, Any]) -> Response:
    """Choose a new password, by a mailed link.

    422 `identity.bad_link` when the link is unknown, used, expired, or ended by a newer one.
    """
    rpc.change_costly("reset_password", **body)
    return answers.empty()


@routes.post("/auth/logout", who=access.SIGNED_IN, answers={204: Answer(description="Signed out.")})
def log_out() -> Response:
    """Sign out; the access token is refused everywhere within a second."""
    rpc.change("identity", "revoke", access_token=auth.bearer_token())
    # The event does it in every process, in this one a moment too late for the caller's next request.
    parts().tokens.forget_user(current_actor().user_id)
    return answers.empty()
