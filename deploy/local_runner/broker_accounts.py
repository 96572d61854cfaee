"""A broker user for each of the processes, with the permissions of its contract: docs/adr/0009-signed-actors.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.addresses import ServerUrl
from chassis.broker_users import BrokerUser, definitions
from chassis.prepare import contract_of
from chassis.rabbitmqctl import Rabbitmqctl, RabbitmqctlFailed
from local_runner.errors import CannotStart
from local_runner.places import SERVICES, package_of
from local_runner.secret_store import SecretStore


@dataclass(frozen=True)
class BrokerAccounts:
    """Addresses of one broker. Where nobody may administer it (no `control`), everybody shares the one account."""

    admin_url: str
    control: Sequence[str]
    secrets: SecretStore
    prefix: str = ""

    def url(self, process: str) -> str:
        """The broker as the process's own user."""
        if not self.control:
            return self.admin_url
        password = self.secrets.get(f"{process}_broker_password")
        return str(ServerUrl.read(self.admin_url).with_login(self.prefix + process, password))

    def create(self) -> None:
        """Creates the users, or brings their passwords and permissions up to date. Needs no restart of anything."""
        if not self.control:
            print(
                "RABBITMQCTL does not say how to administer the broker: everything uses the account in AMQP_URL.",
                flush=True,
            )
            return
        packages = {name: package_of(name) for name in SERVICES} | {"gateway": "gateway"}
        wanted = definitions(
            [(BrokerUser.of(self.url(name)), contract_of(of)) for name, of in packages.items()]
        )
        try:
            Rabbitmqctl(self.control).import_definitions(wanted)
        except RabbitmqctlFailed as error:
            raise CannotStart(f"The broker's users can't be created: {error}") from error
