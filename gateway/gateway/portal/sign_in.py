"""Signing in and out."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, request
from werkzeug.wrappers import Response

from chassis.errors import Conflict, ServiceError, Unavailable
from gateway import problems
from gateway.portal import words
from gateway.portal.guard import local_path
from gateway.portal.rendering import go_to, page
from gateway.portal.sessions import Sessions
from gateway.refusals import TOO_MANY
from gateway.signing_in import authenticate


def add_sign_in(pages: Blueprint, sessions: Sessions) -> None:
    """`/sign-in`, `/choose-organization` and `/sign-out`."""

    @pages.get("/sign-in")
    def show_sign_in() -> Response:
        destination = local_path(request.args.get("next"))
        if sessions.actor() is not None:
            return go_to(destination)
        return page("sign_in", destination=destination, login="", errors={})

    @pages.post("/sign-in")
    def sign_in() -> Response:
        return attempt(sessions, login=given("login"), password=given("password"))

    @pages.get("/choose-organization")
    def nothing_to_choose() -> Response:
        return go_to("/sign-in")

    @pages.post("/choose-organization")
    def choose_organization() -> Response:
        return attempt(
            sessions,
            login=given("login"),
            password=given("password"),
            organization=given("organization"),
        )

    @pages.get("/sign-out")
    def show_sign_out() -> Response:
        return go_to("/sign-in") if sessions.actor() is None else page("sign_out")

    @pages.post("/sign-out")
    def sign_out() -> Response:
        sessions.end()
        flash("You are signed out.")
        return go_to("/sign-in")


def attempt(sessions: Sessions, **credentials: str) -> Response:
    """Signs in and leads on, or shows what was wrong."""
    destination = local_path(request.form.get("next"))
    shown: dict[str, Any] = {"destination": destination, "login": credentials["login"]}
    if errors := missing(credentials):
        return page("sign_in", 422, errors=errors, **shown)
    try:
        signed_in = authenticate(credentials)
    except Conflict as error:
        # The password goes nowhere meanwhile, neither into the page nor into a cookie: it is asked for again.
        organizations = error.data.get("organizations", [])
        return page("choose_organization", organizations=organizations, errors={}, **shown)
    except Unavailable:
        raise
    except ServiceError as error:
        return refused(error, "sign_in", **shown)
    sessions.begin(signed_in)
    return go_to(destination)


def refused(error: ServiceError, template: str, **shown: Any) -> Response:
    """The form again, with what the service found wrong."""
    status = problems.status_of(error)
    errors = words.of_fields(error) or {"": words.of_error(error)}
    # 401 would have to name a scheme that browsers have a window of their own for.
    response = page(template, 422 if status in {401, 403} else status, errors=errors, **shown)
    if error.code == TOO_MANY:
        response.status_code = 429
        response.headers["Retry-After"] = str(words.seconds_of(error))
    return response


def given(name: str) -> str:
    """A field of the form as it was typed."""
    return request.form.get(name, "")


def missing(fields: dict[str, str]) -> dict[str, str]:
    """What to say at each field that is empty."""
    empty = [name for name, value in fields.items() if not value.strip()]
    return {name: words.MISSING[name] for name in empty if name in words.MISSING}
