"""Brings a whole system up under a supervisor: servers, databases and bus, services, gateway."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

from local_runner.backing.choice import Backing
from local_runner.broker_accounts import BrokerAccounts
from local_runner.processes import Spec
from local_runner.supervisor import Supervisor
from local_runner.system import System

START_SECONDS = 90.0


def unchanged(spec: Spec) -> Spec:
    """The spec."""
    return spec


def start_backing(
    supervisor: Supervisor, backing: Backing, adapted: Callable[[Spec], Spec] = unchanged
) -> None:
    """The broker takes longest, so the database's first-time set-up happens meanwhile. They are stopped last."""
    say("Starting RabbitMQ and PostgreSQL ...")
    for server in (backing.broker, backing.database):
        server.prepare()
        supervisor.start(map(adapted, server.specs()))
    for server, name in ((backing.database, "PostgreSQL"), (backing.broker, "RabbitMQ")):
        supervisor.wait_for(server.is_ready, START_SECONDS, name)


def prepare(supervisor: Supervisor, system: System, broker: BrokerAccounts) -> None:
    """The broker's users, and each service's database, schema and part of the bus."""
    say("Preparing databases and bus ...")
    broker.create()
    supervisor.run_to_end(system.preparations(), START_SECONDS)


def start_system(
    supervisor: Supervisor,
    system: System,
    port: int,
    copies: Mapping[str, int],
    adapted: Callable[[Spec], Spec] = unchanged,
) -> None:
    """Services and gateway; returns when all are ready. `adapted` has the last word on what is started."""
    say("Starting services and gateway ...")
    supervisor.start(map(adapted, system.services(copies)))
    supervisor.start([adapted(system.gateway(port))])
    url = f"http://127.0.0.1:{port}"
    supervisor.wait_for(lambda: all_ready(system, url, copies), START_SECONDS, "The system is")
    supervisor.started_up()


def all_ready(system: System, url: str, copies: Mapping[str, int]) -> bool:
    """Whether every started process is ready. The gateway is only when each service has a copy that answers it."""
    path = "readyz" if all(copies.values()) else "healthz"
    processes = (f"{health_url}/readyz" for health_url in system.health_urls.values())
    return all(answers(each) for each in (*processes, f"{url}/{path}"))


def answers(url: str) -> bool:
    """Whether a GET gives 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - an address of our own # nosec B310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def say(text: str) -> None:
    """A line for the person, at once also through a pipe."""
    print(text, flush=True)
