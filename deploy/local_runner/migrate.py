"""bin/migrate: every service's database, roles, schema and bus topology, for given addresses or a running bin/run."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence

from local_runner.backing.choice import control_words, given
from local_runner.broker_accounts import BrokerAccounts
from local_runner.errors import CannotStart
from local_runner.interpreter import for_services
from local_runner.places import RunDir
from local_runner.secret_store import SecretStore
from local_runner.supervisor import Supervisor
from local_runner.system import Databases, System

SECONDS = 600.0


def main(arguments: Sequence[str]) -> int:
    """0 when all five services are prepared."""
    parser = argparse.ArgumentParser(
        prog="bin/migrate",
        description="Brings databases and bus topology up to date. Works on the servers in AMQP_URL and DATABASE_URL "
        "(an administrator's), else on those of the bin/run that uses RUN_DIR.",
    )
    parser.parse_args(arguments)
    run_dir = RunDir.from_environment()
    run_dir.make()
    amqp_url, database_url = addresses(run_dir)
    secrets = SecretStore(run_dir.path / "secrets.json")
    prefix = os.environ.get("DATABASE_PREFIX", "")
    databases = Databases(database_url, secrets, prefix)
    broker = BrokerAccounts(amqp_url, control(run_dir, amqp_url), secrets, prefix)
    supervisor = Supervisor(run_dir)
    with for_services() as interpreter, supervisor.running():
        broker.create()
        system = System(run_dir, databases, broker, interpreter=interpreter)
        supervisor.run_to_end(system.preparations(), SECONDS)
    print("Databases and bus are up to date.")
    return 0


def addresses(run_dir: RunDir) -> tuple[str, str]:
    """The given servers, else those of the running system."""
    running = read_env(run_dir)
    broker, database = (
        given({**running, **os.environ}, name) for name in ("AMQP_URL", "DATABASE_URL")
    )
    if broker is None or database is None:
        raise CannotStart("set AMQP_URL and DATABASE_URL, or start bin/run first")
    return broker.url, database.url


def control(run_dir: RunDir, amqp_url: str) -> tuple[str, ...]:
    """How to administer the broker: as `RABBITMQCTL` says, else as the running system does if it is its broker."""
    running = read_env(run_dir)
    known = running.get("RABBITMQCTL", "") if running.get("AMQP_URL") == amqp_url else ""
    return control_words({"RABBITMQCTL": os.environ.get("RABBITMQCTL") or known})


def read_env(run_dir: RunDir) -> dict[str, str]:
    """What a running bin/run wrote; empty when none runs."""
    if not run_dir.env_file.exists():
        return {}
    words = shlex.split(run_dir.env_file.read_text())
    return {name: value for name, _, value in (word.partition("=") for word in words)}
