"""For tests: the gateway as gunicorn runs it, its five services faked on the real broker."""

from __future__ import annotations

import os
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from chassis import topology
from chassis.confirmed import ConfirmedPublisher, Outgoing
from chassis.context import Actor, CallContext
from chassis.errors import Forbidden
from chassis.events import CONTENT_TYPE, Event
from chassis.testing import FakeNeighbour, actor, keys, wait_until
from chassis.testing.processes import free_port
from gateway.events import CONTRACT

SERVICES = ("identity", "assignment", "booking", "messaging", "import")
PROBLEM = "application/problem+json"
PORTAL_KEY = "a key of the tests that guards nothing"


class GatewayProcess:
    """`gunicorn gateway.app:create_app()` on a free port."""

    def __init__(self, amqp_url: str, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            **os.environ,
            **keys.environment(),
            "AMQP_URL": amqp_url,
            "PORTAL_SECRET_KEY": PORTAL_KEY,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            **settings,
        }
        arguments = ("-c", "python:gateway.gunicorn_conf", "gateway.app:create_app()")
        self.process = subprocess.Popen(  # nosec B603 # our own words, without a shell
            [sys.executable, "-m", "gunicorn", *arguments], env=environment
        )

    def await_alive(self) -> None:
        """Returns when it answers."""
        wait_until(self._is_alive, 20, every=0.05)

    def _is_alive(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError("the gateway ended at start")
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def stop(self) -> None:
        """SIGTERM, and waits."""
        self.process.terminate()
        self.process.wait(30)


@contextmanager
def running(amqp_url: str, **settings: str) -> Iterator[GatewayProcess]:
    """A gateway process, alive; where there is a broker, on a bus that is prepared for it."""
    with suppress(OSError):
        topology.declare(CONTRACT, amqp_url)
    gateway = GatewayProcess(amqp_url, **settings)
    try:
        gateway.await_alive()
        yield gateway
    finally:
        gateway.stop()


class System:
    """The gateway over HTTP, and the fakes behind it."""

    def __init__(self, gateway: GatewayProcess, fakes: dict[str, FakeNeighbour]) -> None:
        self.gateway = gateway
        self.fakes = fakes
        self.tokens: dict[str, Actor] = {}
        self.http = requests.Session()

    def reset(self) -> None:
        """Forgets what fakes answer and were asked, but for `ping` and `verify_token`."""
        for fake in self.fakes.values():
            fake.handlers.clear()
            fake.calls.clear()
            fake.handlers["ping"] = lambda _arguments, _call: "pong"
        self.on("identity", "verify_token", self._verify)

    def _verify(self, arguments: dict[str, Any], _call: CallContext) -> dict[str, Any]:
        found = self.tokens.get(arguments["access_token"])
        if found is None:
            raise Forbidden("identity.bad_token", "The access token is not valid.")
        return {
            "user_id": str(found.user_id),
            "organization_id": str(found.organization_id),
            "roles": sorted(found.roles),
            "expires_at": (datetime.now(UTC) + timedelta(minutes=15)).isoformat(),
        }

    def on(self, service: str, method: str, answer: Any) -> None:
        """Lets a fake answer: a value, an error to raise, or a function of (arguments, call)."""
        if isinstance(answer, Exception):
            self.fakes[service].handlers[method] = raising(answer)
        elif callable(answer):
            self.fakes[service].handlers[method] = answer
        else:
            self.fakes[service].handlers[method] = lambda _arguments, _call: answer

    def calls(self, service: str, method: str) -> list[dict[str, Any]]:
        """The arguments of each call so far."""
        return [kwargs for name, kwargs in self.fakes[service].calls if name == method]

    def sign_in(self, *roles: str) -> tuple[Actor, str]:
        """A person with these roles in an organization of their own, and their token."""
        person, token = actor(*roles), uuid.uuid4().hex
        self.tokens[token] = person
        return person, token

    def request(
        self, method: str, path: str, token: str | None = None, **options: Any
    ) -> requests.Response:
        """One HTTP request."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        url = path if path.startswith("http") else self.gateway.url + path
        return self.http.request(method, url, headers=headers, timeout=15, **options)

    def publish_assignment(self, organization_id: uuid.UUID, *assignments: dict[str, str]) -> None:
        """What the assignment service publishes."""
        data = {"assignments": list(assignments)}
        self.publish("assignment", "assignment_created", organization_id, data)

    def publish(
        self, source: str, name: str, organization_id: uuid.UUID, data: dict[str, Any]
    ) -> None:
        """What a service publishes."""
        event = Event(
            id=uuid.uuid4(),
            source=source,
            name=name,
            time=datetime.now(UTC),
            subject=str(uuid.uuid4()),
            organization_id=organization_id,
            data=data,
        )
        publisher = ConfirmedPublisher(os.environ["AMQP_URL"])
        outgoing = Outgoing(
            f"{source}.events",
            event.name,
            event.encode(),
            str(event.id),
            CONTENT_TYPE,
            mandatory=False,
        )
        publisher.publish_all([outgoing])
        publisher.close()


def raising(error: Exception) -> Callable[..., Any]:
    """A handler that raises."""

    def handler(_arguments: Any, _call: Any) -> Any:
        raise error

    return handler


@contextmanager
def faked_system() -> Iterator[System]:
    """A gateway on the broker of `AMQP_URL`, ready, with fakes for all services."""
    with ExitStack() as stack:
        fakes = {name: stack.enter_context(FakeNeighbour(name, {})) for name in SERVICES}
        gateway = stack.enter_context(running(os.environ["AMQP_URL"]))
        system = System(gateway, fakes)
        system.reset()
        wait_until(lambda: system.request("GET", "/readyz").ok, 20, every=0.1)
        yield system
        system.http.close()


def is_problem(answer: requests.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem that the answer is; AssertionError if it is none, or another one."""
    if (answer.status_code, answer.headers["Content-Type"]) != (status, PROBLEM):
        raise AssertionError(f"not a problem {status}: {answer.status_code} {answer.text[:1000]}")
    body: dict[str, Any] = answer.json()
    if not {"type", "title", "detail", "code"} <= body.keys() or body["status"] != status:
        raise AssertionError(f"not a whole problem: {body}")
    if code not in {None, body["code"]}:
        raise AssertionError(f"not {code}: {body}")
    return body


def pointers(problem: dict[str, Any]) -> list[str]:
    """The invalid fields."""
    return [error["pointer"] for error in problem["errors"]]


def timed(action: Callable[[], requests.Response]) -> tuple[float, requests.Response]:
    """Seconds and answer."""
    started = time.monotonic()
    answer = action()
    return time.monotonic() - started, answer
