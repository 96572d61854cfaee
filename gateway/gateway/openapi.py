"""The OpenAPI document, generated from the declarations.

python -m gateway.openapi docs/openapi.json            writes it
python -m gateway.openapi --check docs/openapi.json    1 if the file is not what the code says
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import orjson
from flask import Flask
from flask_smorest import Api

from chassis.fields import Moment, MomentOrWallClock, Text, Zone
from gateway import generated, openapi_parts
from gateway.routes import Routes

DESCRIPTION = """\
The platform a tutoring organization runs on: administrators assign instructors to students, and exactly those pairs
book sessions and message each other.

Errors are problem details (RFC 9457); clients match on `code`. Lists take `limit` and `cursor`. Every POST accepts an
`Idempotency-Key`. A changeable resource carries an `ETag`; a PATCH with a stale `If-Match` is 412.

How often you may call, and what is left of that, is in each answer's `RateLimit-Policy` and `RateLimit`
(draft-ietf-httpapi-ratelimit-headers); beyond it the answer is 429 with `Retry-After`.
"""

ONE_LINE = r"^[^\u0000-\u001f\u007f]*$"
SEVERAL_LINES = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$"
ZONE = r"^[A-Za-z0-9_+/-]+$"

SETTINGS: dict[str, Any] = {
    "API_TITLE": "Tandem",
    "API_VERSION": "1.0.0",
    "OPENAPI_VERSION": "3.1.0",
    "API_SPEC_OPTIONS": {
        "info": {"description": DESCRIPTION},
        "servers": [{"url": "/", "description": "This gateway"}],
    },
}


class Document(Api):
    """flask-smorest's document, without its error handlers and default answers: problems.py has ours."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """problems.register does."""

    def _register_responses(self) -> None:
        """openapi_parts.register does."""


def pattern_of(_converter: Any, field: Any, **_options: Any) -> dict[str, str]:
    """Which characters a text may have, as `chassis.fields` checks them."""
    if not isinstance(field, Text) or "pattern" in field.metadata:
        return {}
    if isinstance(field, Zone):
        return {"pattern": ZONE}
    return {"pattern": SEVERAL_LINES if field.multiline else ONE_LINE}


def document(app: Flask, routes: Iterable[Routes]) -> bytes:
    """Registers the operations and returns the document as JSON, the same bytes for the same code."""
    api = Document(app)
    api.register_field(Moment, "string", "date-time")
    api.register_field(MomentOrWallClock, "string", None)
    api.ma_plugin.converter.add_attribute_function(pattern_of)
    openapi_parts.register(api.spec)
    for blueprint in routes:
        api.register_blueprint(blueprint)
    return orjson.dumps(
        api.spec.to_dict(),
        option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE,
    )


def generate() -> bytes:
    """The document of this code; needs no broker."""
    from gateway.app import create_app
    from gateway.settings import Settings

    app = create_app(Settings(amqp_url="memory://"))
    content: bytes = app.test_client().get("/api/openapi.json").data
    return content


def main(arguments: list[str]) -> int:
    """The command."""
    return generated.main(__doc__, generate, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
