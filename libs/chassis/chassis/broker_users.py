"""What each process may do on the bus: a broker user of its own, with the permissions that its contract needs.

A user may consume its own queues, publish its own events, call whom its contract names, and answer. It can't declare,
empty or delete a queue that outlives a process, nor read or publish anything in another's name; all of that is the
administrator's, who prepares the bus. On the exchange that carries everybody's calls, topic permissions tell the users
apart: by the service in a request's routing key, and by a reply's key, which only its asker knows.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from environs import Env

from chassis.addresses import ServerUrl, address_setting, broker_url, nodes_of
from chassis.connections import Connection
from chassis.events import Contract
from chassis.topology import RPC_EXCHANGE

ID: Final = "[0-9a-f]{32}"
SALT_BYTES: Final = 4
ANSWER_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Permissions:
    """Regular expressions over names, as the broker wants them; `topics` are over the keys of `nameko-rpc`."""

    configure: str
    write: str
    read: str
    topics_written: str
    topics_read: str


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """Who a process is to the broker."""

    name: str
    password: str = field(repr=False)
    virtual_host: str

    @classmethod
    def of(cls, amqp_url: str) -> BrokerUser:
        """The user that the address names."""
        url = ServerUrl.read(amqp_url)
        found: str = Connection(next(iter(nodes_of(amqp_url)))).virtual_host
        return cls(url.user, url.password, found)


def permissions_of(contract: Contract) -> Permissions:
    """What the contract needs, and nothing else."""
    service = contract.service
    replies = rf"rpc\.reply-{service}-{ID}"
    # A process that hears events without a queue of the service has short-lived ones of its own.
    own = (rf"{service}\..+", r"amq\.gen-.+") if contract.hears else ()
    return Permissions(
        configure=any_of(replies, *own),
        write=any_of(
            r"nameko-rpc",
            rf"{service}\.events",
            rf"{service}\.retry-in\.[0-9a-z]+",
            rf"{service}\.dead-letters",
            replies,
            *own,
        ),
        read=any_of(
            r"nameko-rpc",
            rf"rpc-{service}",
            rf"{service}\.on_[a-z_]+",
            replies,
            *own,
            *(rf"{source}\.events" for source in contract.hears),
        ),
        topics_written=any_of(ID, *(rf"{called}\.[a-z_]+" for called in contract.calls), *own),
        topics_read=any_of(ID, *own),
    )


def any_of(*patterns: str) -> str:
    """One expression that a whole name must match."""
    return f"^({'|'.join(patterns)})$"


def definitions(users: Sequence[tuple[BrokerUser, Contract]]) -> dict[str, Any]:
    """RabbitMQ's definitions of the users, for `rabbitmqctl import_definitions` or its HTTP API."""
    allowed = [(user, permissions_of(contract)) for user, contract in users]
    return {
        "users": [account(user) for user, _ in users],
        "permissions": [
            {
                "user": user.name,
                "vhost": user.virtual_host,
                "configure": may.configure,
                "write": may.write,
                "read": may.read,
            }
            for user, may in allowed
        ],
        "topic_permissions": [
            {
                "user": user.name,
                "vhost": user.virtual_host,
                "exchange": RPC_EXCHANGE.name,
                "write": may.topics_written,
                "read": may.topics_read,
            }
            for user, may in allowed
        ],
    }


def account(user: BrokerUser) -> dict[str, str]:
    """The user without any of the broker's tags; the password as the broker stores it: salted SHA-256."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.sha256(salt + user.password.encode()).digest()
    return {
        "name": user.name,
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": "",
    }


def admit(management: ServerUrl, wanted: dict[str, Any]) -> None:
    """Has the management plugin of the first of the nodes that answers take the definitions. OSError if none does."""
    for host in management.hosts:
        try:
            return admit_at(management.with_hosts(host), wanted)
        except OSError:
            if host == management.hosts[-1]:
                raise
    return None


def admit_at(management: ServerUrl, wanted: dict[str, Any]) -> None:
    """The same at one node."""
    login = f"{management.user}:{management.password}"
    address = str(replace(management, login=None)).rstrip("/")
    request = urllib.request.Request(  # noqa: S310 - an address from our own settings
        f"{address}/api/definitions",
        data=json.dumps(wanted).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
        },
    )
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 # nosec B310 # as above
        answer.read()


def main(arguments: Sequence[str]) -> int:
    """`broker-user PACKAGE`: prints the definitions of the user in AMQP_URL, for `rabbitmqctl import_definitions`."""
    from chassis.prepare import contract_of

    if len(arguments) != 1:
        print("usage: python -m chassis broker-user PACKAGE   (AMQP_URL names user and password)")
        return 2
    user = BrokerUser.of(address_setting(Env(), "AMQP_URL", broker_url))
    print(json.dumps(definitions([(user, contract_of(arguments[0]))]), indent=2))
    return 0
