"""Addresses of servers that are several: RabbitMQ's nodes, PostgreSQL's primary and replicas.

Both are written the way libpq has it, with commas between the hosts and one login for all:
`amqp://user:password@host1:5672,host2:5672/vhost`, `postgresql://user:password@host1:5432,host2:5432/database`.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit, urlunsplit

from environs import Env

Value = TypeVar("Value")

# What makes PostgreSQL's client library look for the server that takes writes.
FOR_WRITING = {"read-write", "primary"}


def address_setting(env: Env, name: str, read: Callable[[str], Value]) -> Value:
    """A required setting that holds an address; ValueError with its name, never with what it holds."""
    text = env.str(name)
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def hosts_of(url: str) -> list[str]:
    """`host:port` as often as the address names one. ValueError if one is empty or has a strange port."""
    hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    for host in hosts:
        name, _, port = host.rpartition(":") if ":" in host.rpartition("]")[2] else (host, "", "1")
        if len(hosts) > 1 and not (name and port.isdigit() and int(port) < 65536):
            raise ValueError("each host between the commas must look like host or host:port")
    return hosts


def with_hosts(url: str, hosts: str) -> str:
    """The address with other hosts and the same login."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login}{at}{hosts}"))


def broker_url(text: str) -> str:
    """The address itself, once it makes sense; ValueError otherwise."""
    if ";" in text:
        raise ValueError(
            "several nodes are written amqp://user:password@host1:port1,host2:port2/vhost"
        )
    hosts_of(text)
    return text


@functools.cache
def nodes_of(amqp_url: str) -> Nodes:
    """The one list of a broker's nodes that all connections of this process share."""
    hosts = hosts_of(amqp_url)
    return Nodes([with_hosts(amqp_url, host) for host in hosts] if len(hosts) > 1 else [amqp_url])


class Nodes:
    """A broker's nodes, each as an address of its own, in the order in which this process tries them.

    At first by chance, so that a system's processes spread over the nodes; later, what was seen down comes last.
    """

    def __init__(self, addresses: list[str]) -> None:
        self._order = tuple(random.sample(addresses, len(addresses)))  # nosec B311 # no secret

    def __iter__(self) -> Iterator[str]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)

    def is_down(self, address: str) -> None:
        """Lets everybody try the others first."""
        self._order = (*(node for node in self._order if node != address), address)


def database_hosts_as_parameters(url: str) -> str:
    """Several hosts in the form that SQLAlchemy understands as well as libpq; one host stays as it is.

    ValueError unless the server that takes writes is looked for, which is the default here.
    """
    hosts = hosts_of(url)
    if len(hosts) == 1:
        return url
    parts = urlsplit(url)
    wanted = parse_qs(parts.query).get("target_session_attrs", [])
    if not FOR_WRITING.issuperset(wanted):
        raise ValueError("with several hosts target_session_attrs must be read-write")
    names, ports = zip(*(split_host(host) for host in hosts), strict=True)
    query = [f"host={','.join(names)}", f"port={','.join(ports)}"]
    query += [parts.query] if parts.query else []
    query += [] if wanted else ["target_session_attrs=read-write"]
    return with_hosts(urlunsplit(parts._replace(query="&".join(query))), "")


def split_host(host: str) -> tuple[str, str]:
    """Name and port, with PostgreSQL's where none is given."""
    if ":" not in host.rpartition("]")[2]:
        return host.strip("[]"), "5432"
    name, _, port = host.rpartition(":")
    return name.strip("[]"), port
