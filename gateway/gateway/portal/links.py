"""What mails' links open: accepting an invitation, asking for another password, and setting it.

A link's token is moved from the address into a sealed cookie at once: an address is kept in histories, read over
shoulders, and named to whoever the next page belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, request
from werkzeug.wrappers import Response

from chassis.errors import ServiceError, Unavailable
from gateway import rpc
from gateway.portal import words
from gateway.portal.cookies import SealedCookie
from gateway.portal.rendering import failure, go_to, page
from gateway.portal.sessions import Sessions
from gateway.portal.sign_in import given, missing, refused

# How long somebody may take to think of a password.
LINK_SECONDS = 1800
LONGEST_TOKEN = 500
DIFFERENT = "The two passwords are not the same."


@dataclass(frozen=True, slots=True)
class Link:
    """A page that a mail's link opens, where a password is set."""

    path: str
    template: str
    method: str
    cookie: SealedCookie
    bad: words.Failure
    done: Callable[[Any], Response]

    def add_to(self, pages: Blueprint) -> None:
        """Adds the page and its form."""
        pages.add_url_rule(self.path, f"{self.template}_form", self.show, methods=["GET"])
        pages.add_url_rule(self.path, self.template, self.set_password, methods=["POST"])

    def show(self) -> Response:
        """The form; first of all the token goes out of sight."""
        token = request.args.get("token")
        if token is not None:
            self.cookie.write({"token": token[:LONGEST_TOKEN]})
            return go_to(self.path)
        if self.cookie.read() is None:
            return self.bad_link()
        return page(self.template, errors={})

    def set_password(self) -> Response:
        """Uses the link up."""
        held = self.cookie.read()
        if held is None:
            return self.bad_link()
        password, repeated = given("password"), given("repeated")
        errors = missing({"password": password})
        if not errors and password != repeated:
            errors = {"repeated": DIFFERENT}
        if errors:
            return page(self.template, 422, errors=errors)
        try:
            result = rpc.change_costly(self.method, token=held["token"], password=password)
        except Unavailable:
            raise
        except ServiceError as error:
            if any(field.pointer == "/token" for field in error.errors):
                return self.bad_link()
            return refused(error, self.template)
        self.cookie.delete()
        return self.done(result)

    def bad_link(self) -> Response:
        """The same for links that were never ours, were used, or are too old."""
        self.cookie.delete()
        return failure(410, self.bad)


def add_links(pages: Blueprint, sessions: Sessions, keys: Sequence[str]) -> None:
    """`/accept-invitation`, `/forgot-password` and `/reset-password`."""

    def welcome(signed_in: Any) -> Response:
        sessions.begin(signed_in)
        flash("Welcome! Your password is set, and you are signed in.")
        return go_to("/")

    def sign_in_anew(_nothing: Any) -> Response:
        sessions.forget()
        flash("Your password is changed. Please sign in with it.")
        return go_to("/sign-in")

    Link(
        "/accept-invitation",
        "accept_invitation",
        "accept_invitation",
        SealedCookie("invitation", keys, seconds=LINK_SECONDS),
        words.BAD_INVITATION,
        welcome,
    ).add_to(pages)
    Link(
        "/reset-password",
        "reset_password",
        "reset_password",
        SealedCookie("reset", keys, seconds=LINK_SECONDS),
        words.BAD_RESET,
        sign_in_anew,
    ).add_to(pages)

    @pages.get("/forgot-password")
    def show_forgot_password() -> Response:
        return page("forgot_password", login="", errors={})

    @pages.post("/forgot-password")
    def forgot_password() -> Response:
        login = given("login")
        if errors := missing({"login": login}):
            return page("forgot_password", 422, login=login, errors=errors)
        try:
            rpc.change("identity", "forgot_password", login=login)
        except Unavailable:
            raise
        except ServiceError as error:
            return refused(error, "forgot_password", login=login)
        return page("mail_sent")
