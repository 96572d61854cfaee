"""What every way to have a server offers."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import psycopg2

from chassis.addresses import ServerUrl
from local_runner.processes import Spec

AMQP_GREETING = b"AMQP\x00\x00\x09\x01"


class Server(Protocol):
    """A broker or a database server, and the processes to supervise for it."""

    @property
    def url(self) -> str:
        """With the administrator's name and password."""

    def prepare(self) -> None:
        """What has to be there before the processes start."""

    def specs(self) -> Sequence[Spec]:
        """The processes to keep running; none for a server that others run."""

    def is_ready(self) -> bool:
        """Whether it takes work now."""


class Broker(Server, Protocol):
    """A RabbitMQ, and the way to administer it."""

    @property
    def control(self) -> tuple[str, ...]:
        """The words that run `rabbitmqctl` on it, to be followed by its arguments; none where nobody may."""


@dataclass(frozen=True)
class GivenServer:
    """A server that somebody else runs. Whether it answers is seen when it is first used."""

    url: str
    control: tuple[str, ...] = ()

    def prepare(self) -> None:
        """Nothing to do."""

    def specs(self) -> Sequence[Spec]:
        """Nothing to run."""
        return ()

    def is_ready(self) -> bool:
        """Taken at its word."""
        return True


def broker_answers(url: str) -> bool:
    """Whether a broker opens the AMQP dialogue: it listens before it can, so a connection alone says little."""
    host, *_ = ServerUrl.read(url).hosts
    try:
        with socket.create_connection((host.name, host.port or 5672), timeout=2) as link:
            link.sendall(AMQP_GREETING)
            return link.recv(1) == b"\x01"  # a method frame: Connection.Start
    except OSError:
        return False


def database_answers(url: str) -> bool:
    """Whether the server lets the administrator in."""
    try:
        psycopg2.connect(url, connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True
