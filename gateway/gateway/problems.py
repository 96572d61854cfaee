"""Errors as RFC 9457 problem details: the one place that knows which error is which HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from flask import Flask
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from chassis.errors import KINDS, ServiceError

log = structlog.get_logger()

CONTENT_TYPE = "application/problem+json"

STATUS_OF_KIND = {
    "invalid": 422,
    "not_found": 404,
    "conflict": 409,
    "forbidden": 403,
    "unavailable": 503,
}

STATUS_OF_CODE = {
    # Not signed in, or not as anybody we know: RFC 9110 calls that 401, whatever its kind on the bus.
    "access.sign_in_required": 401,
    "identity.bad_token": 401,  # nosec B105 # an error code
    "identity.bad_credentials": 401,
    "identity.bad_refresh_token": 401,  # nosec B105 # an error code
    # Not for good: the same attempt may be right in a moment.
    "identity.too_many_attempts": 429,
    # What If-Match asked for.
    "identity.stale_version": 412,
    "booking.stale_version": 412,
    "import.too_large": 413,
    "request.too_large": 413,
    "idempotency.key_reused": 422,
    # Our own parts disagree: a bug, not the caller's doing.
    "rpc.unknown_method": 500,
    "internal": 500,
}

CODE_OF_STATUS = {
    400: "request.unreadable",
    404: "request.unknown_path",
    405: "request.method_not_allowed",
    406: "request.not_acceptable",
    408: "request.too_slow",
    412: "request.precondition_failed",
    413: "request.too_large",
    414: "request.uri_too_long",
    415: "request.unsupported_media_type",
    429: "request.too_many",
    431: "request.headers_too_large",
    500: "internal",
    503: "service.unavailable",
}

EXTRA_HEADERS = {
    401: {"WWW-Authenticate": 'Bearer realm="tandem"'},
    429: {"Retry-After": "1"},
    503: {"Retry-After": "1"},
}

MEMBERS = frozenset({"type", "title", "status", "detail", "code", "errors"})
INTERNAL = "Something went wrong on our side."
# A PATCH travels as the argument `changes`, which the caller of the HTTP API knows nothing of.
WRAPPERS = ("/changes/",)


def status_of(error: ServiceError) -> int:
    """The HTTP status of a service's error."""
    return STATUS_OF_CODE.get(error.code) or STATUS_OF_KIND[error.kind]


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    data: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem details answer. `data` adds members of its own."""
    body = body_of(status, code, detail, errors=errors, data=data)
    all_headers = {**EXTRA_HEADERS.get(status, {}), **(headers or {})}
    return Response(body, status, all_headers, content_type=CONTENT_TYPE)


def body_of(
    status: int,
    code: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    data: Mapping[str, Any] | None = None,
) -> bytes:
    """The problem's JSON."""
    body = {key: value for key, value in (data or {}).items() if key not in MEMBERS}
    body |= {
        "type": f"urn:tandem:problem:{code}",
        "title": title_of(status),
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = errors
    return orjson.dumps(body)


def title_of(status: int) -> str:
    """The status's usual name."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def from_service(error: ServiceError) -> Response:
    """A service's error."""
    status = status_of(error)
    errors = [{"pointer": unwrapped(e.pointer), "detail": e.detail} for e in error.errors]
    detail = INTERNAL if status == 500 else error.detail
    headers = retry_after(error) if status in {429, 503} else None
    return problem(status, error.code, detail, errors=errors, data=error.data, headers=headers)


def retry_after(error: ServiceError) -> dict[str, str]:
    """The seconds that a service wants its caller to wait, if it says so."""
    seconds = error.data.get("retry_after")
    return {"Retry-After": str(seconds)} if isinstance(seconds, int) and seconds > 0 else {}


def unwrapped(pointer: str) -> str:
    """The pointer as the caller of the HTTP API would write it."""
    for wrapper in WRAPPERS:
        if pointer.startswith(wrapper):
            return pointer[len(wrapper) - 1 :]
    return pointer


def from_http(error: HTTPException) -> Response:
    """The framework's own error, or one raised like it."""
    if error.response is not None and error.code is None:
        raise error
    status = error.code or 500
    headers = {k: v for k, v in error.get_headers() if k.lower() != "content-type"}
    code = CODE_OF_STATUS.get(status, "request.refused")
    return problem(status, code, error.description or title_of(status), headers=headers)


def from_parser(_error: ParseException) -> Response:
    """A body that turns out to be no HTTP while it is being read."""
    return problem(400, CODE_OF_STATUS[400], "The body is no HTTP.")


def from_bug(error: Exception) -> Response:
    """Anything else is a bug: its trace goes to the log, never to the caller."""
    log.error("http.internal_error", exc_info=error)
    return problem(500, "internal", INTERNAL)


def register(app: Flask) -> None:
    """Makes every error of the application a problem."""
    app.register_error_handler(ServiceError, from_service)
    app.register_error_handler(HTTPException, from_http)
    app.register_error_handler(ParseException, from_parser)
    app.register_error_handler(Exception, from_bug)


def unmapped_kinds() -> set[str]:
    """The error kinds that have no status: none, says a test."""
    return set(KINDS) - set(STATUS_OF_KIND)
