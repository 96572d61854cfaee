"""The portal as a whole: its blueprint, its settings in Flask, its start page and style sheet."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Flask, send_from_directory
from jinja2 import StrictUndefined
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from gateway import rpc
from gateway.portal import guard, rendering
from gateway.portal.cookies import send_pending
from gateway.portal.links import add_links
from gateway.portal.rendering import go_to, page
from gateway.portal.sessions import Sessions
from gateway.portal.sign_in import add_sign_in

FORM_SECONDS = 12 * 3600
A_YEAR = 365 * 24 * 3600


def install(app: Flask, keys: Sequence[str]) -> None:
    """Adds the portal to the application. The first of `keys` seals its cookies, each of them opens them."""
    app.secret_key = keys[0]
    app.config.update(
        SECRET_KEY_FALLBACKS=list(keys[1:]),
        SESSION_COOKIE_NAME="__Host-tandem_form",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        WTF_CSRF_TIME_LIMIT=FORM_SECONDS,
    )
    app.session_interface = guard.PortalSessions()
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.undefined = StrictUndefined
    app.register_blueprint(blueprint(Sessions(keys), keys))
    rendering.register(app)


def blueprint(sessions: Sessions, keys: Sequence[str]) -> Blueprint:
    """The pages."""
    pages = Blueprint("portal", __name__, template_folder="templates")
    pages.before_request(guard.refuse_foreign_forms)
    pages.after_request(send_pending)
    add_start(pages, sessions)
    add_sign_in(pages, sessions)
    add_links(pages, sessions, keys)
    return pages


def add_start(pages: Blueprint, sessions: Sessions) -> None:
    """The start page, and what pages are made of."""

    @pages.get("/")
    def start() -> Response:
        actor = sessions.actor()
        if actor is None:
            return go_to("/sign-in")
        person = rpc.call("identity", "get_user", user_id=str(actor.user_id))
        organization = rpc.call("identity", "get_organization")
        return page("start", person=person, organization=organization)

    @pages.get("/portal/<version>/<name>")
    def static_file(version: str, name: str) -> Response:
        if name not in rendering.FILES or f"/portal/{version}/{name}" != rendering.file_path(name):
            raise NotFound
        response = send_from_directory(rendering.STATIC, name, max_age=A_YEAR)
        response.cache_control.public = response.cache_control.immutable = True
        return response
