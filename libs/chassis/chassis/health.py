"""`/healthz`, `/readyz` and `/metrics` of a service process, over plain HTTP on a port of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import eventlet
import eventlet.wsgi
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Check = Callable[[], None]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def make_app(
    checks: Mapping[str, Check], alive: Check = lambda: None
) -> Callable[..., Iterable[bytes]]:
    """A WSGI application; a check passes by returning. What is not `alive` is to be restarted."""

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
            return [generate_latest()]
        if path == "/healthz":
            return ready(start_response, {"service": alive})
        if path == "/readyz":
            return ready(start_response, checks)
        return answer(start_response, "404 Not Found", {"status": "not found"})

    return app


def ready(start_response: StartResponse, checks: Mapping[str, Check]) -> Iterable[bytes]:
    """200 if every check passes, else 503 with the names of those that did not."""
    failed = sorted(name for name, check in checks.items() if not passes(check))
    status = "503 Service Unavailable" if failed else "200 OK"
    return answer(
        start_response, status, {"status": "unavailable" if failed else "ok", "failed": failed}
    )


def passes(check: Check) -> bool:
    """Whether the check returned."""
    try:
        check()
    except Exception:  # noqa: BLE001 - whatever it is, it did not pass
        return False
    return True


def answer(start_response: StartResponse, status: str, body: Mapping[str, Any]) -> Iterable[bytes]:
    """A small JSON answer."""
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]


def serve(host: str, port: int, checks: Mapping[str, Check], alive: Check) -> None:
    """Serves for ever; meant for a green thread."""
    listener = eventlet.listen((host, port), reuse_addr=True)
    eventlet.wsgi.server(listener, make_app(checks, alive), log_output=False, debug=False)
