"""The commands of `python -m chassis` that run without eventlet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from environs import EnvError

from chassis import logs
from chassis.addresses import MalformedAddress


def dispatch(arguments: Sequence[str], usage: str) -> int:
    """Runs one command; 2 with the usage when there is none of that name, or with the setting that makes no sense."""
    commands: dict[str, Callable[..., int]] = {
        "prepare": prepare,
        "prepare-bus": prepare_bus,
        "broker-user": broker_user,
        "check-migrations": check_migrations,
        "asyncapi": asyncapi,
        "dead-letters": dead_letters,
        "outbox": outbox,
        "signing-keys": signing_keys,
    }
    command = commands.get(arguments[0]) if arguments else None
    if command is None:
        print(usage, file=sys.stderr)
        return 2
    logs.configure("INFO")
    try:
        return command(*arguments[1:])
    except (EnvError, MalformedAddress) as error:
        print(f"python -m chassis {arguments[0]}: {error}", file=sys.stderr)
        return 2


def prepare(package: str) -> int:
    """Creates what a service needs before it starts."""
    from chassis.prepare import prepare

    prepare(package)
    return 0


def prepare_bus(package: str) -> int:
    """Creates the bus's part of it alone, for who has no database."""
    from chassis.prepare import prepare_bus

    prepare_bus(package)
    return 0


def broker_user(*arguments: str) -> int:
    """Prints a broker user and its permissions as RabbitMQ's definitions."""
    from chassis.broker_users import main

    return main(arguments)


def check_migrations(package: str) -> int:
    """1 if the migrated database differs from the models."""
    from chassis.drift import differences

    found = differences(package)
    for difference in found:
        print(f"{package}: {difference}", file=sys.stderr)
    return 1 if found else 0


def asyncapi(*arguments: str) -> int:
    """Writes docs/asyncapi.yaml, or with --check says whether it is up to date."""
    from chassis.asyncapi import main

    return main(arguments)


def dead_letters(*arguments: str) -> int:
    """Lists, shows, sends again or discards what was given up."""
    from chassis.dead_letters import main

    return main(arguments)


def outbox(*arguments: str) -> int:
    """Says what waits in the outbox, lets it go, and sends again what is in the event log."""
    from chassis import outbox_cure, outbox_replay, outbox_status

    if arguments[:1] == ("replay",):
        return outbox_replay.main(arguments[1:])
    if arguments[:1] in {("retry",), ("skip",)}:
        return outbox_cure.main(arguments)
    return outbox_status.main(arguments)


def signing_keys(*arguments: str) -> int:
    """Makes a key pair and prints both settings."""
    from chassis.signing import main

    return main(arguments)
