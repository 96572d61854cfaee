"""An operation's declaration in flask-smorest's own form, and the parts of the document that operations share."""

from __future__ import annotations

from typing import Any

from apispec import APISpec

from gateway import problems
from gateway.declarations import Answer, Declaration
from gateway.schemas.problems import Problem

IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "Makes repeating safe: the same key answers the first answer. Kept for at least 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "description": "The ETag of the version to change; 412 if it is not the present one.",
    "schema": {"type": "string", "examples": ['"3"']},
}
IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "description": "The ETag of a version already known; 304 if it is still the present one.",
    "schema": {"type": "string", "examples": ['"3"']},
}
PREFER = {
    "in": "header",
    "name": "Prefer",
    "description": "`wait=N`: wait up to N seconds (0 to 10, default 2) for the assignment to become active.",
    "schema": {"type": "string", "examples": ["wait=5"]},
}

ETAG = {"description": "The version, for If-Match and If-None-Match.", "schema": {"type": "string"}}
REPLAY = {
    "description": "`true` when this answers an earlier request with the same Idempotency-Key.",
    "schema": {"type": "string", "const": "true"},
}
REQUEST_ID = {"description": "Names the request in logs.", "schema": {"type": "string"}}
RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "string"}}
AUTHENTICATE = {"description": "`Bearer`.", "schema": {"type": "string"}}

PROBLEM_DESCRIPTIONS = {
    400: "Unreadable: no JSON, or a malformed header.",
    401: "Not signed in: no access token, or not a good one.",
    403: "Not allowed.",
    404: "Unknown, or another organization's.",
    408: "The body did not arrive in time.",
    409: "Not in the present state, or the first request with this Idempotency-Key still runs.",
    412: "If-Match names a version that is not the present one.",
    413: "Too large.",
    414: "The address is too long.",
    415: "Not the content type that is expected.",
    422: "Invalid fields, or an Idempotency-Key used before with another body.",
    429: "Too many requests.",
    431: "The headers are too large.",
    500: "A fault on our side.",
    503: "Something needed does not answer; nothing was decided. Try again.",
}

ALWAYS = frozenset({400, 404, 414, 422, 429, 431, 500, 503})
WHEN_SIGNED_IN = frozenset({401, 403})
WHEN_CHANGING = frozenset({408, 409, 413, 415})


def register(spec: APISpec) -> None:
    """Adds what operations refer to."""
    spec.components.security_scheme(
        "accessToken",
        {
            "type": "http",
            "scheme": "bearer",
            "description": "The `access_token` of a sign-in; it lives for 15 minutes.",
        },
    )
    for status, description in PROBLEM_DESCRIPTIONS.items():
        spec.components.response(problem_name(status), problem_response(status, description))


def problem_name(status: int) -> str:
    """The name of a shared response."""
    return f"Problem{status}"


def problem_response(status: int, description: str) -> dict[str, Any]:
    """A shared response."""
    headers: dict[str, Any] = {"X-Request-Id": REQUEST_ID}
    for name in problems.EXTRA_HEADERS.get(status, {}):
        headers[name] = AUTHENTICATE if name == "WWW-Authenticate" else RETRY_AFTER
    return {
        "description": description,
        "headers": headers,
        "content": {problems.CONTENT_TYPE: {"schema": Problem}},
    }


def describe(declared: Declaration, name: str) -> dict[str, Any]:
    """The operation as flask-smorest's decorators would have noted it."""
    return {
        "arguments": {"parameters": parameters(declared)},
        "response": {"responses": responses(declared)},
        "manual_doc": {
            "operationId": name,
            "security": [{"accessToken": []}] if declared.signed_in else [],
        },
    }


def parameters(declared: Declaration) -> list[dict[str, Any]]:
    """Query, headers and body."""
    found: list[dict[str, Any]] = []
    if declared.query is not None:
        found.append({"in": "query", "schema": declared.query})
    if declared.method == "POST":
        found.append(IDEMPOTENCY_KEY)
    if declared.has_tag:
        found.append(IF_MATCH if declared.changes else IF_NONE_MATCH)
    if declared.prefers_wait:
        found.append(PREFER)
    if declared.body is not None:
        found.append(declared.body.parameter())
    return found


def responses(declared: Declaration) -> dict[int, list[Any]]:
    """Every status the operation may answer."""
    found: dict[int, list[Any]] = {
        status: [response(answer, declared)] for status, answer in declared.answers.items()
    }
    if declared.has_tag and declared.method == "GET":
        found[304] = [
            {"description": "Not changed.", "content_type": None, "headers": {"ETag": ETAG}}
        ]
    for status in sorted(failures(declared)):
        found[status] = [problem_name(status)]
    return found


def response(answer: Answer, declared: Declaration) -> dict[str, Any]:
    """A good answer."""
    headers: dict[str, Any] = {"X-Request-Id": REQUEST_ID}
    if declared.has_tag or answer.has_tag:
        headers["ETag"] = ETAG
    if declared.method == "POST":
        headers["Idempotent-Replay"] = REPLAY
    described: dict[str, Any] = {
        "description": answer.description or "Done.",
        "headers": headers,
        "content_type": answer.content_type or None,
    }
    if answer.schema is not None:
        described["schema"] = answer.schema
    elif answer.content_type:
        described["schema"] = {"type": "string"}
    return described


def failures(declared: Declaration) -> frozenset[int]:
    """The statuses of the problems it may answer."""
    found = ALWAYS | frozenset(declared.fails)
    if declared.signed_in:
        found |= WHEN_SIGNED_IN
    if declared.changes:
        found |= WHEN_CHANGING
    if declared.has_tag and declared.changes:
        found |= {412}
    return found
