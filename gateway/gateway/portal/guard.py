"""What keeps other sites from acting in a signed-in person's name: where a form comes from, and where we send people.

A form counts only when the browser says that a page of ours sent it (`Sec-Fetch-Site`, `Origin`) and when it carries
the token that such a page was given (Flask-WTF). The sign-in form too: nobody is signed in to somebody else's account
unaware.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.wrappers import Request
from flask_wtf.csrf import ValidationError, validate_csrf
from werkzeug.exceptions import Forbidden

from gateway.parts import parts

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
TOKEN_FIELD = "csrf_token"  # noqa: S105 # nosec B105 # a field's name
NO_ORIGIN = "null"


class ForeignForm(Forbidden):
    """A form that no page of ours sent, or that is too old."""

    description = "This form is no longer valid."


class PortalSessions(SecureCookieSessionInterface):
    """Flask's session, in which the forms' token lives: for the portal only. The API reads no cookie at all."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """None, which Flask takes for a session that can't be written, outside of the portal."""
        if request.path.startswith("/api/"):
            return None
        return super().open_session(app, request)


def refuse_foreign_forms() -> None:
    """ForeignForm unless a page of ours sent this request, or it changes nothing."""
    if request.method in SAFE:
        return
    if not is_from_here():
        raise ForeignForm
    try:
        validate_csrf(request.form.get(TOKEN_FIELD))
    except ValidationError as error:
        raise ForeignForm from error


def is_from_here() -> bool:
    """Whether the browser says so. Every browser that can keep our cookies sends at least one of the two headers."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is None and origin is None:
        return False
    return site in {None, "same-origin"} and (origin is None or origin in ours() - {NO_ORIGIN})


def ours() -> set[str]:
    """The origins that are this portal: as it is known outside, and as this request names it."""
    # A proxy that ends TLS leaves us unaware of the scheme; what a foreign page can't choose is the host.
    host = request.host.lower()
    return {origin_of(parts().settings.public_url), f"http://{host}", f"https://{host}"}


def origin_of(url: str) -> str:
    """An address's scheme and host with port; `null`, as browsers write it, when there is none."""
    try:
        split = urlsplit(url)
    except ValueError:
        split = urlsplit("")
    return f"{split.scheme}://{split.netloc}".lower() if split.netloc else NO_ORIGIN


def local_path(wanted: str | None) -> str:
    """`wanted` if it is a path of this site, else the start page: a link can send nobody elsewhere."""
    if not wanted or not wanted.startswith("/") or wanted[1:2] in {"/", "\\"}:
        return "/"
    if not wanted.isascii() or not wanted.isprintable() or "\\" in wanted or len(wanted) > 500:
        return "/"
    return wanted
