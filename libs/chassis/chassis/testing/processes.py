"""A service as a real process on real servers, driven over the bus like in production."""

from __future__ import annotations

import os
import signal
import socket
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chassis import context, topology
from chassis.confirmed import ConfirmedPublisher, Outcome, Outgoing
from chassis.context import Actor
from chassis.events import CONTENT_TYPE, Event, decode
from chassis.prepare import contract_of
from chassis.rpc.client import RpcClient
from chassis.testing import keys
from chassis.testing.servers import TestDatabase, amqp_url
from chassis.testing.waiting import wait_until


class ServiceProcess:
    """Prepares and starts `python -m chassis run <package>`; a context manager that cleans up after itself.

    `copies` processes share the database and the queues. `settings` are extra environment variables. With
    `started=False` everything is prepared, but nothing runs until `start`.
    """

    def __init__(
        self,
        package: str,
        *,
        copies: int = 1,
        started: bool = True,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.package = package
        self.contract = contract_of(package)
        self.database = TestDatabase.allot(self.contract.service)
        self.last_replayed = False
        self._copies = copies
        self._started = started
        self.settings = dict(settings or {})
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ports: list[int] = []
        self._client = RpcClient(amqp_url(), name="test", signer=keys.signer())
        self._publisher = ConfirmedPublisher(amqp_url())
        self._log = Path(os.environ.get("TEST_LOGS", "/tmp")) / f"{self.database.name}.log"  # noqa: S108 - logs of tests # nosec B108

    def __enter__(self) -> Self:
        topology.delete_queues(self.contract, amqp_url())
        self.prepare()
        if self._started:
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._client.close()
        self._publisher.close()
        self.database.drop()
        if kind is None:
            self._log.unlink(missing_ok=True)

    def prepare(self) -> None:
        """What `bin/migrate` does."""
        subprocess.run(  # nosec B603 # our own words, without a shell
            [sys.executable, "-m", "chassis", "prepare", self.package],
            env=self._environment(0),
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def start(self, *, copies: int | None = None) -> None:
        """Starts the copies, this once another number of them, and returns when all are ready."""
        self._ports = [free_port() for _ in range(copies or self._copies)]
        self._processes = [self._spawn(port) for port in self._ports]
        for port in self._ports:
            wait_until(lambda port=port: self._is_ready(port), 30, every=0.05)  # type: ignore[misc]

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(  # nosec B603 # our own words, without a shell
                [sys.executable, "-m", "chassis", "run", self.package],
                env=self._environment(port),
                stdout=log,
                stderr=log,
            )

    def _environment(self, port: int) -> dict[str, str]:
        return {
            **os.environ,
            **keys.environment(),
            "ADMIN_DATABASE_URL": self.database.admin,
            "MIGRATION_DATABASE_URL": self.database.owner,
            "DATABASE_URL": self.database.application,
            "AMQP_URL": amqp_url(),
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": str(port),
            **self.settings,
        }

    def _is_ready(self, port: int) -> bool:
        for process in self._processes:
            if process.poll() is not None:
                raise AssertionError(f"{self.package} ended at start:\n{self.log()[-4000:]}")
        return self.http("/readyz", port) is not None

    def http(self, path: str, port: int | None = None) -> str | None:
        """The body of a 200 answer of the process's health server, else None."""
        try:
            url = f"http://127.0.0.1:{port or self._ports[0]}{path}"
            with urllib.request.urlopen(url, timeout=5) as response:  # nosec B310 # an address of our own
                body: bytes = response.read()
                return body.decode()
        except (OSError, urllib.error.URLError):
            return None

    @property
    def pid(self) -> int:
        """The first copy's process id."""
        return self._processes[0].pid

    def stop(self) -> None:
        """SIGTERM, and waits for the drain."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: no chance to clean up."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        processes, self._processes = self._processes, []
        for process in processes:
            process.send_signal(number)
        for process in processes:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def call(
        self,
        method: str,
        *,
        actor: Actor | None = None,
        operation_id: uuid.UUID | None = None,
        seconds: float = 5.0,
        address: str = "",
        **kwargs: Any,
    ) -> Any:
        """Calls the service over RPC, from the client's `address`. UUIDs in the arguments become strings."""
        plain: dict[str, Any] = {
            key: str(v) if isinstance(v, uuid.UUID) else v for key, v in kwargs.items()
        }
        call = context.CallContext(deadline=time.time() + seconds, actor=actor, address=address)
        with context.bound(call):
            result = self._client.call(
                self.contract.service, method, operation_id=operation_id, **plain
            )
        self.last_replayed = call.replayed
        return result

    def publish_to_it(self, event: Event) -> None:
        """Publishes another service's event, confirmed and routed."""
        outgoing = Outgoing(
            exchange=topology.events_exchange(event.source).name,
            routing_key=event.name,
            body=event.encode(),
            message_id=str(event.id),
            content_type=CONTENT_TYPE,
        )
        self._publisher.publish_all([outgoing])
        if outgoing.outcome is not Outcome.CONFIRMED:
            raise AssertionError(f"the event was not taken: {outgoing.outcome}")

    def events(self, name: str | None = None) -> list[Event]:
        """What the service stored in its outbox, oldest first."""
        rows = self.sql("SELECT body FROM outbox ORDER BY id")
        found = [decode(body) for (body,) in rows]
        return [event for event in found if name in (None, event.name)]

    def sql(self, statement: str, parameters: Any = None) -> list[Any]:
        """Rows as the superuser sees them."""
        return self.database.query(statement, parameters)

    def log(self) -> str:
        """What the processes wrote."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
