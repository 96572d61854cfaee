"""A private RabbitMQ of one run folder, from the programs installed on this machine.

It shares nothing with another broker on the machine: own node name, cookie, ports and port mapper (epmd). All of it
listens on the loopback address only.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_runner import apt
from local_runner.account_folders import own_folder, write_file
from local_runner.accounts import stepping_down, unprivileged
from local_runner.backing.server import broker_answers
from local_runner.errors import CannotStart
from local_runner.places import RunDir
from local_runner.ports import free_port
from local_runner.processes import Spec
from local_runner.secret_store import SecretStore

CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = tandem
default_pass = {password}
loopback_users = none
log.console = true
log.console.level = warning
log.file = false
collect_statistics_interval = 60000
raft.wal_max_size_bytes = 64000000
disk_free_limit.absolute = 50MB
"""
SCRIPT_PLACES = (
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    "/opt/rabbitmq*/sbin/rabbitmq-server",
    "/usr/local/lib/rabbitmq*/sbin/rabbitmq-server",
)


class LocalRabbit:
    """The broker and its own epmd.

    Several make a cluster: each its `name`, all of them one `mapper_port`, and `more` lines of configuration.
    """

    def __init__(
        self,
        run_dir: RunDir,
        secrets: SecretStore,
        *,
        name: str = "rabbitmq",
        mapper_port: int | None = None,
        more: str = "",
    ) -> None:
        self.name = name
        self._script = server_script()
        self._account = unprivileged("rabbitmq")
        self._link = run_dir.path / name
        self.node = node_name(run_dir, name)
        self._password = secrets.get("rabbitmq_password")
        self._cookie = secrets.get("erlang_cookie")
        self._more = more
        self.port, self._node_port = free_port(), free_port()
        self._mapper_port = free_port() if mapper_port is None else mapper_port

    @property
    def url(self) -> str:
        """As the broker's administrator, whose password is random."""
        return f"amqp://tandem:{self._password}@127.0.0.1:{self.port}//"

    @property
    def control(self) -> tuple[str, ...]:
        """As the broker's account, with its cookie and its port mapper."""
        folder = self._link.resolve()
        settings = (f"{name}={value}" for name, value in self._environment(folder).items())
        command = ("env", "-i", *settings, str(self._script.with_name("rabbitmqctl")))
        return (*stepping_down(self._account), *command)

    def prepare(self) -> None:
        """Writes configuration and cookie; the broker makes its data itself."""
        folder = own_folder(self._link, self._account)
        text = CONFIGURATION.format(port=self.port, password=self._password)
        write_file(folder / "rabbitmq.conf", text + self._more, self._account)
        write_file(folder / "enabled_plugins", "[].\n", self._account)
        write_file(folder / ".erlang.cookie", self._cookie, self._account)

    def specs(self) -> Sequence[Spec]:
        """The port mapper first: the broker would otherwise start one that outlives it."""
        return (self.mapper_spec(), self.broker_spec())

    def mapper_spec(self) -> Spec:
        """The port mapper, by which Erlang's programs find each other."""
        folder = self._link.resolve()
        epmd = ("epmd", "-port", str(self._mapper_port), "-address", "127.0.0.1")
        return Spec("epmd", epmd, self._environment(folder), folder, self._account)

    def broker_spec(self) -> Spec:
        """The broker itself."""
        folder = self._link.resolve()
        command, environment = (str(self._script),), self._environment(folder)
        return Spec(self.name, command, environment, folder, self._account, grace=20.0)

    def _environment(self, folder: Path) -> Mapping[str, str]:
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # The start script becomes the Erlang machine instead of waiting for it: our child is the broker itself.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "no-rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "no-advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    def is_ready(self) -> bool:
        """Whether it opens the AMQP dialogue."""
        return broker_answers(self.url)


def node_name(run_dir: RunDir, name: str) -> str:
    """What Erlang calls the broker of that name in the folder."""
    of_several = name.removeprefix("rabbitmq")
    return f"tandem-{run_dir.identity}{of_several}@localhost"


def server_script() -> Path:
    """RabbitMQ's own start script; Debian's wrapper of the same name would change the account by itself."""
    if (found := find_script()) is None:
        apt.install([apt.PACKAGES["rabbitmq-server"]], "RabbitMQ")
        found = find_script()
    if found is None:
        raise CannotStart("RabbitMQ is installed, but its script rabbitmq-server was not found")
    return found


def find_script() -> Path | None:
    """None where RabbitMQ or Erlang's programs are not installed."""
    if shutil.which("epmd") is None:
        return None
    places = (place for pattern in SCRIPT_PLACES for place in Path("/").glob(pattern[1:]))
    return next((place for place in places if os.access(place, os.X_OK)), None)
