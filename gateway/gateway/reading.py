"""Reading requests: that they are JSON and name only known fields. Values are judged by the service that owns them.

Checking values here as well would be done twice for each request, and differently one day.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from flask import request
from marshmallow import Schema, fields
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    RequestEntityTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)
from werkzeug.sansio.utils import get_content_length

from chassis.context import current
from chassis.errors import MOST_FIELD_ERRORS, FieldError, Invalid
from gateway.addresses import client_of
from gateway.connections import AWAITED_BODY
from gateway.parts import parts

UNKNOWN = "Unknown field."
MISSING = "Missing data for required field."


class JsonBody:
    """Reads bodies with the fields of `schema`. With no required field an empty body is `{}`."""

    def __init__(self, schema: type[Schema]) -> None:
        known = schema().load_fields
        self._schema = schema
        self._known = frozenset(known)
        self._required = frozenset(name for name, field in known.items() if field.required)

    def parameter(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"in": "json", "required": bool(self._required), "schema": self._schema}

    def read(self) -> dict[str, Any]:
        """The request's body; a 4xx error that names what is wrong."""
        content = whole_body()
        if not content and not self._required:
            return {}
        refuse_other_types(content)
        body = parse(content)
        if body.keys() <= self._known and self._required <= body.keys():
            return body
        raise invalid_names(body.keys() - self._known, self._required - body.keys())


def whole_body() -> bytes:
    """The body's bytes; RequestEntityTooLarge beyond the limit, ClientDisconnected if there were fewer than announced.

    Read past Werkzeug's layers, which cost more than all else that is done with a small body.
    """
    environ = request.environ
    limit = parts().settings.max_body
    length = get_content_length(
        environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING")
    )
    if length is None:
        return unannounced_body(environ, limit)
    if length > limit:
        raise RequestEntityTooLarge
    if length > AWAITED_BODY:
        with parts().receiving.place(client()):
            content = received(environ, length)
    else:
        content = received(environ, length) if length else b""
    if len(content) < length:
        raise ClientDisconnected
    return content


def unannounced_body(environ: Mapping[str, Any], limit: int) -> bytes:
    """The bytes of a chunked body; none if there is no body."""
    if not environ.get("wsgi.input_terminated"):
        return b""
    with parts().receiving.place(client()):
        content = received(environ, limit + 1)
    if len(content) > limit:
        raise RequestEntityTooLarge
    return content


def client() -> str:
    """Whose request this is, for what is shared out among clients."""
    return client_of(current().address)


def received(environ: Mapping[str, Any], size: int) -> bytes:
    """Up to `size` bytes from the client; RequestTimeout when it stopped sending (gateway.worker says how long)."""
    try:
        content: bytes = environ["wsgi.input"].read(size)
    except OSError as error:
        raise RequestTimeout("The body did not arrive.") from error
    return content


class NoFields(Schema):
    """A body without fields: nothing, or an empty object."""


def refuse_other_types(content: bytes) -> None:
    """UnsupportedMediaType unless the request says that it is JSON."""
    mimetype = request.mimetype
    if mimetype == "application/json" or (
        mimetype.startswith("application/") and mimetype.endswith("+json")
    ):
        return
    if not content and not mimetype:
        raise BadRequest("A JSON body is needed.")
    raise UnsupportedMediaType("Send JSON: Content-Type: application/json.")


def parse(content: bytes) -> dict[str, Any]:
    """The JSON object in `content`."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is no JSON: {error.msg} at character {error.pos}.") from error
    if not isinstance(body, dict):
        raise Invalid.field("", "Not an object.")
    return body


class QueryString:
    """Reads query parameters with the names of `schema`; integers become such, all else stays text."""

    def __init__(self, schema: type[Schema]) -> None:
        known = schema().load_fields
        self._known = frozenset(known)
        self._required = frozenset(name for name, field in known.items() if field.required)
        self._integers = frozenset(
            name for name, field in known.items() if isinstance(field, fields.Integer)
        )

    def read(self) -> dict[str, Any]:
        """The request's parameters; Invalid for unknown, repeated or missing ones."""
        given = request.args
        if not given and not self._required:
            return {}
        unknown = given.keys() - self._known
        missing = self._required - given.keys()
        if unknown or missing:
            raise invalid_names(unknown, missing)
        repeated = [name for name, values in given.lists() if len(values) > 1]
        if repeated:
            raise invalid([(name, "Given more than once.") for name in repeated])
        return {name: self._value(name, text) for name, text in given.items()}

    def _value(self, name: str, text: str) -> Any:
        return integer(name, text) if name in self._integers else text


def integer(name: str, text: str) -> int:
    """The number a query parameter holds."""
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        raise Invalid.field(pointer(name), "Not a valid integer.")
    return int(text)


def invalid_names(unknown: Iterable[str], missing: Iterable[str]) -> Invalid:
    """Fields that must be there, and those that may not, of which only the first by name are kept."""
    named = heapq.nsmallest(MOST_FIELD_ERRORS, unknown)
    return invalid([(n, MISSING) for n in sorted(missing)] + [(n, UNKNOWN) for n in named])


def invalid(found: Iterable[tuple[str, str]]) -> Invalid:
    """One Invalid for several fields."""
    errors = (FieldError(pointer(name), detail) for name, detail in found)
    return Invalid("request.invalid", "Some fields are not valid.", errors=errors)


def pointer(name: str) -> str:
    """A field's JSON pointer (RFC 6901)."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
