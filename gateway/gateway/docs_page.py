"""The OpenAPI document and a page to read it with, all from this process: no script comes from the internet."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Blueprint, request, send_from_directory
from werkzeug.wrappers import Response

STATIC = Path(__file__).parent / "static"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def blueprint(document: bytes) -> Blueprint:
    """Serves `document` and the page."""
    pages = Blueprint("docs", __name__, url_prefix="/api")
    tag = hashlib.sha256(document).hexdigest()[:16]

    @pages.get("/openapi.json")
    def openapi_json() -> Response:
        response = Response(document, content_type="application/json")
        response.set_etag(tag)
        return response.make_conditional(request.environ)

    @pages.get("/docs")
    def docs() -> Response:
        response = send_from_directory(STATIC, "docs.html")
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    @pages.get("/docs/<path:name>")
    def docs_file(name: str) -> Response:
        return send_from_directory(STATIC, name, max_age=86_400)

    return pages
