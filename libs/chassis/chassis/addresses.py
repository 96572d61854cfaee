"""Addresses of servers that are several: RabbitMQ's nodes, PostgreSQL's primary and replicas.

Both are written the way libpq has it, with commas between the hosts and one login for all:
`amqp://user:password@host1:5672,host2:5672/vhost`, `postgresql://user:password@host1:5432,host2:5432/database`.
The standard library's `urlsplit` reads one host; what it makes of several differs from one Python to the next.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Self, TypeVar
from urllib.parse import parse_qs, quote, unquote

from environs import Env

Value = TypeVar("Value")

# RFC 3986, appendix B, without fragments: no server's address has one.
URL: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?]*)(?P<rest>.*)")
HOST: Final = re.compile(
    r"(?P<name>\[[0-9A-Za-z:.%_~-]+\]|[^\[\]:@,\s]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)
# What kombu, libpq and SQLAlchemy read differently in a login, or refuse, is written percent-encoded for all of them.
AMBIGUOUS: Final = re.compile(r"[@\[\]#]|%(?![0-9A-Fa-f]{2})")
LARGEST_PORT: Final = 65535
POSTGRESQL_PORT: Final = 5432
AMQP_SCHEMES: Final = {"amqp", "amqps", "pyamqp"}

# What makes PostgreSQL's client library look for the server that takes writes.
FOR_WRITING = {"read-write", "primary"}


class MalformedAddress(ValueError):
    """A text is no address of a server; never repeats the text, which may hold a password."""


def address_setting(env: Env, name: str, read: Callable[[str], Value]) -> Value:
    """A required setting that holds an address; MalformedAddress with its name, never with what it holds."""
    text = env.str(name)
    try:
        return read(text)
    except ValueError as error:
        raise MalformedAddress(f"{name}: {error}") from None


@dataclass(frozen=True, slots=True)
class Host:
    """A server's name or IP address, an IPv6 one without its brackets. The port is None where none is given."""

    name: str
    port: int | None = None

    @classmethod
    def read(cls, text: str) -> Host:
        """`host`, `host:port`, `[::1]` or `[::1]:port`; MalformedAddress for anything else."""
        found = HOST.fullmatch(text)
        if found is None:
            raise MalformedAddress(
                "each host must look like host or host:port, and an IPv6 address like [::1]"
            )
        port = None if found["port"] is None else int(found["port"])
        if port is not None and port > LARGEST_PORT:
            raise MalformedAddress(f"a port is at most {LARGEST_PORT}")
        return cls(found["name"].strip("[]"), port)

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """The address of a server, or of several that are one system. `str` writes it again.

    `login` is `user:password` as it is written, percent-encoded, or None. `rest` is path and query.
    """

    scheme: str
    login: str | None = field(repr=False)
    hosts: tuple[Host, ...]
    rest: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """MalformedAddress unless it is one. White space around it is no part of it."""
        found = URL.fullmatch(text.strip())
        if found is None:
            raise MalformedAddress("an address looks like scheme://user:password@host:port/name")
        login, at, hosts = found["authority"].rpartition("@")
        return cls(
            found["scheme"],
            AMBIGUOUS.sub(lambda found: quote(found[0], safe=""), login) if at else None,
            tuple(map(Host.read, hosts.split(","))) if hosts else (),
            found["rest"],
        )

    def __str__(self) -> str:
        login = "" if self.login is None else f"{self.login}@"
        return f"{self.scheme}://{login}{','.join(map(str, self.hosts))}{self.rest}"

    @property
    def user(self) -> str:
        """Decoded; empty where none is given."""
        return unquote((self.login or "").partition(":")[0])

    @property
    def password(self) -> str:
        """Decoded; empty where none is given."""
        return unquote((self.login or "").partition(":")[2])

    @property
    def path(self) -> str:
        """With its slash; empty where there is none."""
        return self.rest.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return self.rest.partition("?")[2]

    def with_login(self, user: str, password: str) -> Self:
        """The same servers for somebody else."""
        return replace(self, login=f"{quote(user, safe='')}:{quote(password, safe='')}")

    def with_hosts(self, *hosts: Host) -> Self:
        """The same address at other servers."""
        return replace(self, hosts=hosts)

    def with_path(self, path: str) -> Self:
        """Another database or virtual host, with the slash before it; the query stays."""
        return replace(self, rest=f"{path}{self.rest[len(self.path) :]}")

    def with_query(self, query: str) -> Self:
        """Other parameters."""
        return replace(self, rest=f"{self.path}?{query}")


def broker_url(text: str) -> str:
    """The address as it is used from here on; MalformedAddress unless it makes sense."""
    if ";" in text:
        raise MalformedAddress(
            "several nodes are written amqp://user:password@host1:port1,host2:port2/vhost"
        )
    url = ServerUrl.read(text)
    if url.scheme not in AMQP_SCHEMES:
        raise MalformedAddress("a broker's address starts with amqp:// or amqps://")
    return str(url)


@functools.cache
def nodes_of(amqp_url: str) -> Nodes:
    """The one list of a broker's nodes that all connections of this process share."""
    url = ServerUrl.read(amqp_url)
    return Nodes([str(url.with_hosts(host)) for host in url.hosts] or [str(url)])


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


def database_hosts_as_parameters(text: str) -> str:
    """Several hosts in the form that SQLAlchemy understands as well as libpq; one host stays as it is.

    So is the folder of a socket, `%2Fvar%2Frun`, which SQLAlchemy decodes among parameters alone. MalformedAddress
    unless the server that takes writes is looked for, which is the default where there are several.
    """
    url = ServerUrl.read(text)
    if len(url.hosts) < 2 and not any("%" in host.name for host in url.hosts):
        return str(url)
    wanted = parse_qs(url.query).get("target_session_attrs", [])
    if len(url.hosts) > 1 and not FOR_WRITING.issuperset(wanted):
        raise MalformedAddress("with several hosts target_session_attrs must be read-write")
    query = [
        f"host={','.join(host.name for host in url.hosts)}",
        f"port={','.join(str(host.port or POSTGRESQL_PORT) for host in url.hosts)}",
        *filter(None, [url.query]),
        *(["target_session_attrs=read-write"] if len(url.hosts) > 1 and not wanted else []),
    ]
    return str(url.with_hosts().with_query("&".join(query)))
