"""Building answers: bytes from orjson, without detours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from flask.json.provider import JSONProvider
from werkzeug.wrappers import Response

JSON = "application/json"


def json(payload: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(payload), status, headers, content_type=JSON)


def empty(status: int = 204, headers: Mapping[str, str] | None = None) -> Response:
    """An answer without a body."""
    response = Response(b"", status, headers)
    del response.headers["Content-Type"]
    return response


class OrjsonProvider(JSONProvider):
    """Flask's own JSON, by orjson as well."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)
