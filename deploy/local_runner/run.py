"""bin/run: the whole system under a supervisor, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import secrets as randomness
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from local_runner.account_folders import hand_over, own_folder, remove_folder
from local_runner.accounts import Account
from local_runner.actor_keys import ActorKeys
from local_runner.backing.choice import Backing, choose
from local_runner.backing.containers import remove_volumes
from local_runner.bring_up import START_SECONDS, prepare, say, start_backing, start_system
from local_runner.broker_accounts import BrokerAccounts
from local_runner.data_marks import (
    database_identity,
    forget_demo_elsewhere,
    note_containers,
    note_demo,
)
from local_runner.demo import ORGANIZATION_SLUG, OWNER_LOGIN
from local_runner.errors import CannotStart, StopRequested
from local_runner.interpreter import Interpreter, for_services
from local_runner.mailbox import Mailbox
from local_runner.places import SERVICES, RunDir, write_whole
from local_runner.ports import free_port, is_free
from local_runner.processes import Spec, end_leftovers
from local_runner.secret_store import SecretStore
from local_runner.supervisor import Supervisor
from local_runner.system import Databases, System

DEFAULT_PORT = 8080


def main(arguments: Sequence[str]) -> int:
    """Runs until it is asked to stop; 1 and a reason when something can't start."""
    options = parse(arguments)
    run_dir = RunDir.from_environment()
    run_dir.make()
    with alone(run_dir):
        end_leftovers(run_dir)
        if options.fresh:
            forget(run_dir)
        elif not secrets_file(run_dir).exists():
            remove_volumes(run_dir)  # of a folder that was deleted: their passwords are lost
        supervisor = Supervisor(run_dir)
        try:
            with for_services() as interpreter, supervisor.running():
                mailbox = Mailbox(run_dir.mail_folder)
                start(supervisor, run_dir, options, interpreter)
                supervisor.forever(lambda: tell_mails(mailbox))
        except StopRequested:
            print("Stopped.", flush=True)
        finally:
            run_dir.env_file.unlink(missing_ok=True)
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; `copies` maps every service to its number of processes."""
    parser = argparse.ArgumentParser(
        prog="bin/run",
        description="Runs RabbitMQ, PostgreSQL, Tandem's services and its gateway on this machine.",
    )
    parser.add_argument("--fresh", action="store_true", help="forget all data first")
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help="the gateway's port; 0 takes a free one (default 8080)",
    )
    parser.add_argument(
        "--scale",
        action="append",
        default=[],
        metavar="NAME=N",
        type=scale,
        help="run N copies of a service",
    )
    parser.add_argument("--no-demo", action="store_true", help="load no demo organization")
    options = parser.parse_args(arguments)
    options.copies = dict.fromkeys(SERVICES, 1) | dict(options.scale)
    return options


def scale(text: str) -> tuple[str, int]:
    """Reads booking=2 as ("booking", 2)."""
    name, _, number = text.partition("=")
    if name not in SERVICES or not number.isdigit():
        known = ", ".join(SERVICES)
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=N with one of {known}")
    return name, int(number)


@contextlib.contextmanager
def alone(run_dir: RunDir) -> Iterator[None]:
    """Keeps a second bin/run out of the folder; the kernel gives the lock back however this process ends."""
    path = run_dir.path / "run.lock"
    with path.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotStart(
                f"{run_dir.path} is in use by a running bin/run (process {lock.read().strip()}). "
                "Stop it, or name another folder in RUN_DIR."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def forget(run_dir: RunDir) -> None:
    """Removes the data, the secrets and the logs of earlier runs."""
    remove_volumes(run_dir)
    for folder in (run_dir.path / "postgres", run_dir.path / "rabbitmq", run_dir.mail_folder):
        remove_folder(folder)
    for path in (*run_dir.path.glob("*.log"), secrets_file(run_dir), run_dir.demo_mark):
        path.unlink(missing_ok=True)


def secrets_file(run_dir: RunDir) -> Path:
    """Where the folder's passwords are."""
    return run_dir.path / "secrets.json"


def prepare_mail_folder(run_dir: RunDir, account: Account | None) -> None:
    """Gives identity's account a folder to write mails in; one that the person has named is theirs to give."""
    hand_over(run_dir.mail_folder, account)
    if chosen := os.environ.get("MAIL_FOLDER"):
        own_folder(Path(chosen).absolute(), account)


def start(
    supervisor: Supervisor, run_dir: RunDir, options: argparse.Namespace, interpreter: Interpreter
) -> None:
    """Brings everything up and tells the person where it is."""
    began = time.monotonic()
    port = gateway_port(options.port)
    secrets = SecretStore(secrets_file(run_dir))
    backing = choose(run_dir, secrets, os.environ)
    start_backing(supervisor, backing)
    note_containers(run_dir, backing)
    prepare_mail_folder(run_dir, interpreter.account)

    prefix = os.environ.get("DATABASE_PREFIX", "")
    databases = Databases(backing.database.url, secrets, prefix)
    broker = BrokerAccounts(backing.broker.url, backing.broker.control, secrets, prefix)
    url = f"http://127.0.0.1:{port}"
    system = System(run_dir, databases, broker, url, interpreter)
    prepare(supervisor, system, broker)
    demo_database = database_identity(backing.database.url, f"{prefix}identity")
    forget_demo_elsewhere(run_dir, demo_database)
    start_system(supervisor, system, port, options.copies)

    password = secrets.keep(
        "demo_password", os.environ.get("DEMO_PASSWORD") or randomness.token_urlsafe(12)
    )
    if not options.no_demo:
        load_demo(supervisor, run_dir, options, system.demo_loader(password))
    write_env(run_dir, url, backing, secrets, password, system.health_urls)
    announce(run_dir, url, password, time.monotonic() - began)
    note_demo(run_dir, demo_database)


def gateway_port(wanted: int) -> int:
    """The wanted port if nothing listens there, a free one for 0."""
    if wanted and not is_free(wanted):
        raise CannotStart(f"Port {wanted} is in use. Choose another: bin/run --port N")
    return wanted or free_port()


def load_demo(
    supervisor: Supervisor, run_dir: RunDir, options: argparse.Namespace, loader: Spec
) -> None:
    """Loads the demo organization once; not while a service that it needs is scaled to nothing."""
    if run_dir.demo_mark.exists():
        return
    if missing := [name for name, copies in options.copies.items() if not copies]:
        say(f"No demo organization without {', '.join(missing)}: the next start with all loads it.")
        return
    say("Loading the demo organization ...")
    supervisor.run_to_end([loader], START_SECONDS)
    run_dir.demo_mark.touch()


def write_env(
    run_dir: RunDir,
    url: str,
    backing: Backing,
    secrets: SecretStore,
    password: str,
    health_urls: Mapping[str, str],
) -> None:
    """Shell assignments that other commands and people source."""
    values = {
        "GATEWAY_URL": url,
        "HEALTH_URLS": " ".join(f"{process}={at}" for process, at in health_urls.items()),
        "AMQP_URL": backing.broker.url,
        "RABBITMQCTL": shlex.join(backing.broker.control),
        "DATABASE_URL": backing.database.url,
        "ACTOR_SIGNING_KEY": str(ActorKeys(secrets).of("gateway")),
        "DEMO_ORGANIZATION": ORGANIZATION_SLUG,
        "DEMO_LOGIN": OWNER_LOGIN,
        "DEMO_PASSWORD": password,
    }
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    write_whole(run_dir.env_file, text, mode=0o600)


def announce(run_dir: RunDir, url: str, password: str, seconds: float) -> None:
    """What a person needs to go on."""
    say(f"Tandem is ready after {seconds:.0f} s.\n")
    say(f"  address       {url}")
    if run_dir.demo_mark.exists():
        say(f"  sign in as    {OWNER_LOGIN}")
        say(f"  password      {password}")
        say(f"  organization  {ORGANIZATION_SLUG}")
    say(f"  all settings  {run_dir.env_file}\n\nCtrl-C stops everything; the data stays.")


def tell_mails(mailbox: Mailbox) -> None:
    """What came by mail, for the person; not with PRINT_MAILS=no, for outputs that are recorded."""
    for paragraph in mailbox.news():
        if os.environ.get("PRINT_MAILS") != "no":
            say(paragraph)
