"""Tandem's own processes: the five services and the gateway, what each is started with, and what prepares them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from chassis.addresses import ServerUrl
from local_runner.actor_keys import ActorKeys
from local_runner.broker_accounts import BrokerAccounts
from local_runner.interpreter import Interpreter
from local_runner.places import SERVICES, RunDir, package_of
from local_runner.ports import free_port
from local_runner.processes import Spec
from local_runner.secret_store import SecretStore

GRACE_SECONDS = 8
DEFAULTS = {
    "LOG_LEVEL": "INFO",
    "GRACE_SECONDS": str(GRACE_SECONDS),
    # Password hashing takes and frees large blocks in many threads; the C library would keep them all: 400 MB at rest.
    "MALLOC_MMAP_THRESHOLD_": "1048576",
    "MALLOC_ARENA_MAX": "2",
}
NOT_INHERITED = {
    "DATABASE_URL",
    "AMQP_URL",
    "AMQP_ADMIN_URL",
    "RABBITMQCTL",
    "RABBITMQ_MANAGEMENT_URL",
    "ADMIN_DATABASE_URL",
    "MIGRATION_DATABASE_URL",
    "TOKEN_SECRET",
    "PORTAL_SECRET_KEY",
    "ACTOR_SIGNING_KEY",
    "ACTOR_VERIFYING_KEYS",
}


@dataclass(frozen=True)
class Databases:
    """Names and addresses of the services' databases on one PostgreSQL server.

    `prefix` keeps two systems on one server apart.
    """

    admin_url: str
    secrets: SecretStore
    prefix: str = ""

    def url(self, service: str, role: str) -> str:
        """The service's own database as its `owner`, who changes the schema, or as its `app`, who owns nothing."""
        user = f"{self.prefix}{service}_{role}"
        password = self.secrets.get(f"{service}_{role}_password")
        mine = ServerUrl.read(self.admin_url).with_login(user, password)
        return str(mine.with_path(f"/{self.prefix}{service}"))


class System:
    """Makes the specs. Ports are chosen once, so that a restarted process comes back where it was.

    `url` is where people reach the gateway. All run on the `interpreter` and as its account, which perhaps can't enter
    the run folder.
    """

    def __init__(
        self,
        run_dir: RunDir,
        databases: Databases,
        broker: BrokerAccounts,
        url: str = "",
        interpreter: Interpreter | None = None,
    ) -> None:
        self._mail_folder = run_dir.mail_folder
        self._url = url
        self._interpreter = interpreter or Interpreter()
        self._databases = databases
        self._broker = broker
        self._keys = ActorKeys(databases.secrets)
        self.health_urls: dict[str, str] = {}

    def preparations(self) -> list[Spec]:
        """One job per service: database, roles, migrations, bus topology; and the gateway's part of the bus."""
        return [*(self._preparation(service) for service in SERVICES), self._gateway_preparation()]

    def _gateway_preparation(self) -> Spec:
        environment = self._environment(AMQP_URL=self._broker.admin_url)
        return self._spec("prepare-gateway", environment, "chassis", "prepare-bus", "gateway")

    def _preparation(self, service: str) -> Spec:
        environment = self._environment(
            AMQP_URL=self._broker.admin_url,
            ADMIN_DATABASE_URL=self._databases.admin_url,
            MIGRATION_DATABASE_URL=self._databases.url(service, "owner"),
            DATABASE_URL=self._databases.url(service, "app"),
        )
        words = ("chassis", "prepare", package_of(service))
        return self._spec(f"prepare-{service}", environment, *words)

    def services(self, copies: Mapping[str, int]) -> Iterator[Spec]:
        """`copies` processes of each service, numbered from 1."""
        for service in SERVICES:
            for number in range(1, copies[service] + 1):
                yield self._service(service, f"{service}.{number}")

    def _service(self, service: str, name: str) -> Spec:
        port = free_port()
        self.health_urls[name] = f"http://127.0.0.1:{port}"
        environment = self._environment(
            AMQP_URL=self._broker.url(service),
            DATABASE_URL=self._databases.url(service, "app"),
            HTTP_HOST="127.0.0.1",
            HTTP_PORT=str(port),
            SERVICE_INSTANCE=name,
            **self._keys.settings(service),
        )
        if service == "identity":
            environment["TOKEN_SECRET"] = self._databases.secrets.get("token_secret")
            # Unless the person has set them: links to this gateway, and mails into the run folder.
            environment.setdefault("PUBLIC_URL", self._url)
            if folder := environment.setdefault("MAIL_FOLDER", str(self._mail_folder)):
                environment["MAIL_FOLDER"] = str(Path(folder).resolve())
        spec = self._spec(name, environment, "chassis", "run", package_of(service))
        return replace(spec, grace=GRACE_SECONDS + 4, stage=1)

    def gateway(self, port: int) -> Spec:
        """Gunicorn with threads; it has no database. A SIGQUIT ends it without waiting for its callers."""
        environment = self._environment(
            AMQP_URL=self._broker.url("gateway"),
            HOST="127.0.0.1",
            PORT=str(port),
            SERVICE_INSTANCE="gateway",
            PORTAL_SECRET_KEY=self._databases.secrets.get("portal_secret_key"),
            **self._keys.settings("gateway"),
        )
        settings = ("-c", "python:gateway.gunicorn_conf", "gateway.app:create_app()")
        spec = self._spec("gateway", environment, "gunicorn", *settings)
        return replace(spec, death_signal="QUIT", stage=2)

    def demo_loader(self, password: str) -> Spec:
        """The job that loads the demo organization, everybody in it with this password."""
        environment = self._environment(GATEWAY_URL=self._url, DEMO_PASSWORD=password)
        return self._spec("demo", environment, "local_runner.demo")

    def _environment(self, **own: str) -> dict[str, str]:
        """Settings that the person gave pass through; addresses and secrets go only where they are used."""
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        return {**DEFAULTS, **inherited, **own, **self._interpreter.variables}

    def _spec(self, name: str, environment: Mapping[str, str], *words: str) -> Spec:
        command, account = self._interpreter.command(*words), self._interpreter.account
        return Spec(name, command, environment, account=account)
