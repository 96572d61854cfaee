"""`/healthz`: this process lives. `/readyz`: the broker and every service answer. `/metrics`: Prometheus."""

from __future__ import annotations

import contextvars
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from flask import Blueprint
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.wrappers import Response

from chassis.errors import ServiceError
from gateway import answers, problems
from gateway.parts import Parts, parts

blueprint = Blueprint("health", __name__)

SERVICES = ("identity", "assignment", "booking", "messaging", "import")
SECONDS = 1.0
# Anybody may ask, so asking often must not become asking every service often.
ANSWER_STANDS_SECONDS = 0.2

_pool = ThreadPoolExecutor(len(SERVICES) * 2, thread_name_prefix="readiness")


@blueprint.get("/healthz")
def healthz() -> Response:
    """This process answers."""
    return answers.json({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """The broker and every service answer within a second."""
    checks = latest.checks(parts())
    failed = sorted(name for name, outcome in checks.items() if outcome != "ok")
    if not failed:
        return answers.json({"status": "ok", "checks": checks})
    detail = f"Not ready: {', '.join(failed)}."
    return problems.problem(503, "service.not_ready", detail, data={"checks": checks})


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus' text format."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def check_all(gateway: Parts) -> dict[str, str]:
    """`ok`, or what is wrong, for the broker and each service; all at the same time."""
    gateway.rpc.start()
    futures = {
        name: _pool.submit(contextvars.copy_context().run, check, gateway, name)
        for name in SERVICES
    }
    outcomes = {name: future.result() for name, future in futures.items()}
    return {"broker": "ok" if gateway.rpc.is_listening else "unavailable", **outcomes}


def check(gateway: Parts, service: str) -> str:
    """`ok` if the service answers."""
    try:
        answer = gateway.rpc.call(service, "ping", timeout=SECONDS)
    except ServiceError as error:
        return error.code
    return "ok" if answer == "pong" else "unexpected"


class Latest:
    """The last check, which all who ask within a moment share; those who come while one runs wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks: dict[str, str] = {}
        self._until = 0.0

    def checks(self, gateway: Parts) -> dict[str, str]:
        """What `check_all` says now, or said a moment ago."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._checks = check_all(gateway)
                self._until = time.monotonic() + ANSWER_STANDS_SECONDS
            return self._checks


latest = Latest()
