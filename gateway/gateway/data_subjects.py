"""For operators: export or erase one person's data, and see whether an erasure is done everywhere.

    python -m gateway.data_subjects export --organization ID --user ID --output FILE
    python -m gateway.data_subjects erase  --organization ID --user ID --confirm "First Last"
    python -m gateway.data_subjects status --organization ID --user ID

Talks to the services as the gateway does, with its AMQP_URL and ACTOR_SIGNING_KEY. The audit log names the actor
00000000-0000-0000-0000-000000000000.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from environs import Env

from chassis.config import key_setting
from chassis.context import Actor, acting_as
from chassis.errors import ServiceError
from chassis.rpc.client import RpcClient
from chassis.signing import ActorSigner, read_signing_key
from gateway.exporting import EXPORT_SECONDS, SERVICES, Archive

OPERATOR = uuid.UUID(int=0)
CALL_SECONDS = 4.5
# Longer than an erasure waits between two tries for a service that was away for a moment.
STATUS_SECONDS = 30.0


def main(arguments: Sequence[str]) -> int:
    """Runs one command; 1 when a service refused or did not answer, or an erasure is not done everywhere yet."""
    wanted = parser().parse_args(arguments)
    env = Env()
    signer = ActorSigner(key_setting(env, "ACTOR_SIGNING_KEY", read_signing_key))
    client = RpcClient(env.str("AMQP_URL"), name="gateway", signer=signer)
    actor = Actor(OPERATOR, wanted.organization, frozenset({"owner"}))
    try:
        with acting_as(actor, seconds=EXPORT_SECONDS + STATUS_SECONDS):
            status: int = wanted.run(partial(client.call, timeout=CALL_SECONDS), wanted)
            return status
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        client.close()


def parser() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    found = argparse.ArgumentParser(
        prog="python -m gateway.data_subjects",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = found.add_subparsers(required=True, metavar="COMMAND")
    for name, run in (("export", export), ("erase", erase), ("status", status)):
        command = commands.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--organization", type=uuid.UUID, required=True, metavar="ID")
        command.add_argument("--user", type=uuid.UUID, required=True, metavar="ID")
        if name == "export":
            command.add_argument("--output", type=Path, required=True, metavar="FILE")
        if name == "erase":
            command.add_argument("--confirm", required=True, metavar="NAME")
    return found


def export(call: Any, wanted: argparse.Namespace) -> int:
    """Write one person's data into a ZIP file, all of it or none."""
    half: Path = wanted.output.with_name(wanted.output.name + ".part")
    try:
        with half.open("wb") as file:
            Archive(call, str(wanted.user), file).write()
        half.replace(wanted.output)
    finally:
        half.unlink(missing_ok=True)
    print(wanted.output)
    return 0


def erase(call: Any, wanted: argparse.Namespace) -> int:
    """Erase a person for good, and wait until all services have."""
    call(
        "identity",
        "erase_user",
        operation_id=uuid.uuid4(),
        user_id=str(wanted.user),
        confirm=wanted.confirm,
    )
    give_up = time.monotonic() + STATUS_SECONDS
    while any(moment is None for moment in erased_at(call, wanted)) and time.monotonic() < give_up:
        time.sleep(0.2)
    return status(call, wanted)


def status(call: Any, wanted: argparse.Namespace) -> int:
    """Say of each service since when it has forgotten a person."""
    moments = erased_at(call, wanted)
    for service, moment in zip(SERVICES, moments, strict=True):
        print(f"{service:<12}{moment or 'not yet'}")
    return 1 if None in moments else 0


def erased_at(call: Any, wanted: argparse.Namespace) -> list[str | None]:
    """For each service since when, None where it is not done or nobody answers."""
    return [erased_in(call, service, wanted) for service in SERVICES]


def erased_in(call: Any, service: str, wanted: argparse.Namespace) -> str | None:
    """Since when one service has forgotten the person."""
    try:
        found: str | None = call(service, "erasure", user_id=str(wanted.user))["erased_at"]
    except ServiceError as error:
        print(f"{service}: {error}", file=sys.stderr)
        return None
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
