"""`python -m chassis`: runs a service, prepares its servers, and looks after its messages.

run PACKAGE                    serve (patches with eventlet first)
prepare PACKAGE                create database, roles, schema and bus topology
prepare-bus PACKAGE            create the bus topology alone, for who has no database
broker-user PACKAGE            print the broker user in AMQP_URL, with its permissions, as RabbitMQ's definitions
check-migrations PACKAGE       say whether migrations and models agree
asyncapi [--check] FILE PACKAGE...   write, or compare, the description of the events
dead-letters list|summary|show|retry|discard SERVICE [ID|QUEUE|all]
outbox status|retry|skip|replay  what waits to be sent, and sending again what was (replay --help)
signing-keys ISSUER            make a key pair and print both settings
"""

from __future__ import annotations

import sys


def patch() -> None:
    """Makes the standard library cooperative; must come before any other import."""
    import warnings

    # eventlet announces its maintenance mode at each import; ADR 0002 says why we live with it.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    import eventlet

    eventlet.monkey_patch()


def main(arguments: list[str]) -> int:
    """Runs the command and returns the exit status."""
    if arguments[:1] == ["run"] and len(arguments) == 2:
        patch()
        from chassis.runner import run

        run(arguments[1])
        return 0
    from chassis.commands import dispatch

    return dispatch(arguments, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
