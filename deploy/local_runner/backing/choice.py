"""In which order servers are looked for: given addresses, containers, the programs installed on this machine."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from chassis.addresses import MalformedAddress, ServerUrl, broker_url
from chassis.config import sqlalchemy_url
from local_runner.backing.containers import (
    POSTGRES_IMAGE,
    RABBITMQ_IMAGE,
    DockerPostgres,
    DockerRabbit,
    DockerServer,
    advice_on_data,
)
from local_runner.backing.engine import engine_can_run
from local_runner.backing.postgresql import LocalPostgres
from local_runner.backing.rabbitmq import LocalRabbit
from local_runner.backing.server import Broker, GivenServer, Server
from local_runner.errors import CannotStart
from local_runner.places import RunDir
from local_runner.secret_store import SecretStore


@dataclass(frozen=True)
class Backing:
    """The two servers of a system."""

    broker: Broker
    database: Server

    @property
    def has_containers(self) -> bool:
        """Whether Docker's volumes hold data."""
        return any(isinstance(each, DockerServer) for each in (self.broker, self.database))


def choose(run_dir: RunDir, secrets: SecretStore, environment: Mapping[str, str]) -> Backing:
    """Each server on its own: an address for one of them leaves the other to be found."""
    broker, database = given(environment, "AMQP_URL"), given(environment, "DATABASE_URL")
    wanted = [
        *([] if broker else [RABBITMQ_IMAGE]),
        *([] if database else [POSTGRES_IMAGE]),
    ]
    if wanted and uses_data_of_containers(run_dir, wanted):
        return Backing(
            broker or DockerRabbit(run_dir, secrets), database or DockerPostgres(run_dir, secrets)
        )
    return Backing(
        broker or LocalRabbit(run_dir, secrets), database or LocalPostgres(run_dir, secrets)
    )


def uses_data_of_containers(run_dir: RunDir, images: list[str]) -> bool:
    """Whether containers run the servers. A folder's data stays with the kind of servers that made it."""
    if any((run_dir.path / name).exists() for name in ("postgres", "rabbitmq")):
        return False
    if engine_can_run(*images):
        return True
    if run_dir.containers_mark.exists():
        raise CannotStart(
            f"No Docker engine answers that has {' and '.join(images)}.\n\n{advice_on_data(run_dir)}"
        )
    return False


def given(environment: Mapping[str, str], variable: str) -> GivenServer | None:
    """The server that the variable names, if it is set. CannotStart with its name if what it holds makes no sense."""
    text = environment.get(variable, "").strip()
    if not text:
        return None
    try:
        if variable == "AMQP_URL":
            return GivenServer(broker_url(text), control_words(environment))
        sqlalchemy_url(text)  # its form is welcome, too
        return GivenServer(str(replace(ServerUrl.read(text), scheme="postgresql")))
    except MalformedAddress as error:
        raise CannotStart(f"{variable}: {error}") from None


def control_words(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The command in `RABBITMQCTL`, as a shell would read it; none where it is not set."""
    try:
        return tuple(shlex.split(environment.get("RABBITMQCTL", "")))
    except ValueError as error:
        raise CannotStart(f"RABBITMQCTL: {error}") from None
