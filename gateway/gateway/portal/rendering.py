"""Pages as answers: their headers, the forms' token, and the page that says that something failed."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, make_response, redirect, render_template, request
from flask_wtf.csrf import generate_csrf
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from chassis.errors import ServiceError
from gateway import problems, safety
from gateway.portal import words
from gateway.portal.guard import ForeignForm

STATIC = Path(__file__).parent / "static"
FILES = frozenset(path.name for path in STATIC.iterdir())


def page(name: str, status: int = 200, **values: Any) -> Response:
    """The template's page."""
    html = render_template(f"{name}.html", csrf_token=generate_csrf, file_path=file_path, **values)
    response = make_response(html, status)
    response.headers["Content-Security-Policy"] = safety.PAGE_POLICY
    # Unlike no-referrer this lets browsers name the origin of a form, which we check.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def go_to(path: str) -> Response:
    """Leads on to another page of ours, which is asked for with GET whatever this was."""
    return redirect(path, 303)


@cache
def file_path(name: str) -> str:
    """A static file's address, another for each content of it: browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/portal/{digest}/{name}"


def failure(status: int, said: words.Failure | None = None, retry_after: str = "") -> Response:
    """A page that says that something failed, and what to do."""
    response = page("failure", status, said=said or words.of_status(status))
    if retry_after:
        response.headers["Retry-After"] = retry_after
    return response


def from_service(error: ServiceError) -> Response:
    """A service's error that no form shows."""
    status = problems.status_of(error)
    return failure(status, retry_after="1" if status == 503 else "")


def from_http(error: HTTPException) -> Response:
    """The framework's own error."""
    if isinstance(error, ForeignForm):
        return failure(error.code, words.EXPIRED)
    headers = dict(error.get_headers())
    return failure(error.code or 500, retry_after=headers.get("Retry-After", ""))


def wants_page() -> bool:
    """Whether a person with a browser asked: for anything but the API, and for HTML."""
    return not request.path.startswith("/api/") and "text/html" in request.headers.get("Accept", "")


def register(app: Flask) -> None:
    """Shows people pages where programs get problems."""

    def instead(of: Any, with_page: Any) -> Any:
        return lambda error: with_page(error) if wants_page() else of(error)

    app.register_error_handler(ServiceError, instead(problems.from_service, from_service))
    app.register_error_handler(HTTPException, instead(problems.from_http, from_http))
    app.register_error_handler(Exception, instead(problems.from_bug, from_bug))


def from_bug(error: Exception) -> Response:
    """Anything else is a bug; its trace goes to the log."""
    problems.from_bug(error)
    return failure(500)
