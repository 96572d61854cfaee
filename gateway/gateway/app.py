"""The WSGI application. `create_app()` is what gunicorn loads."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable
from typing import Any

import structlog
from flask import Flask, request
from werkzeug.wrappers import Response

from chassis import context
from chassis.context import CallContext, new_traceparent
from gateway import api, docs_page, health, metrics, openapi, problems, safety
from gateway.addresses import address_of
from gateway.answers import OrjsonProvider
from gateway.limits.admission import add_headers
from gateway.parts import KEY, Parts, parts
from gateway.portal import pages
from gateway.settings import Settings, load_settings

log = structlog.get_logger()

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}", re.ASCII)
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
STARTED = "tandem.started"
# What watches over us must not be refused when somebody else floods us; the rest are files.
UNLIMITED = frozenset(
    {
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/openapi.json",
        "/api/docs",
        "/api/docs/<path:name>",
        "/portal/<version>/<name>",
    }
)


class Gateway(Flask):
    """Flask, with the call context bound around each request."""

    json_provider_class = OrjsonProvider
    parts: Parts

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers one request."""
        environ[STARTED] = time.time()
        with context.bound(self._call_of(environ)):
            return super().wsgi_app(environ, start_response)

    def _call_of(self, environ: dict[str, Any]) -> CallContext:
        request_id = environ.get("HTTP_X_REQUEST_ID", "")
        traceparent = environ.get("HTTP_TRACEPARENT", "")
        settings = self.parts.settings
        return CallContext(
            deadline=environ[STARTED] + settings.request_seconds,
            request_id=request_id if REQUEST_ID.fullmatch(request_id) else uuid.uuid4().hex,
            traceparent=traceparent if TRACEPARENT.fullmatch(traceparent) else new_traceparent(),
            address=address_of(environ, settings.trusted_proxies),
        )


def create_app(settings: Settings | None = None) -> Gateway:
    """The application; it connects when it is first needed, or when gunicorn's worker starts it."""
    settings = settings or load_settings()
    # The static folder is served by docs_page: errors and headers of one kind everywhere.
    app = Gateway("gateway", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=settings.max_body, **openapi.SETTINGS)
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    app.parts = app.extensions[KEY] = Parts.build(settings)
    problems.register(app)
    app.before_request(admit)
    app.after_request(finish)
    document = openapi.document(app, api.ROUTES)
    app.register_blueprint(docs_page.blueprint(document))
    app.register_blueprint(health.blueprint)
    pages.install(app, settings.portal_keys)
    return app


def admit() -> None:
    """Counts the request under its address, before anything is done for it."""
    rule = request.url_rule
    path = rule.rule if rule else ""
    if path not in UNLIMITED:
        environ = request.environ
        address = context.current().address
        parts().limits.admit_address(environ, address, (environ["REQUEST_METHOD"], path))


def finish(response: Response) -> Response:
    """What every answer has, and its measurement."""
    call = context.current()
    headers = response.headers
    headers.add("X-Request-Id", call.request_id)
    safety.add_headers(headers, has_tls=parts().settings.has_tls)
    if "Cache-Control" not in headers:
        headers.add("Cache-Control", "private, no-cache" if "ETag" in headers else "no-store")
    if call.replayed:
        headers.add("Idempotent-Replay", "true")
    add_headers(request.environ, headers)
    measure(response.status_code)
    return response


def measure(status: int) -> None:
    """Counts and times the answer; one that failed on our side is logged too."""
    environ = request.environ
    rule = request.url_rule
    # Anybody can make up methods and paths; a metric for each would be a leak.
    method, route = (environ["REQUEST_METHOD"], rule.rule) if rule else ("other", "unknown")
    metrics.answered(method, route, status).observe(time.time() - environ[STARTED])
    if status >= 500:
        log.warning("http.failed", method=method, route=route, status=status)
