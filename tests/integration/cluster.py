"""Three brokers that are one cluster, and two database servers of which one follows the other; and a system on them."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from chassis.rabbitmqctl import Rabbitmqctl, RabbitmqctlFailed
from chassis.testing import wait_until
from local_runner.account_folders import remove_folder
from local_runner.backing.postgresql_pair import SYNCHRONOUS, Member, address_of
from local_runner.backing.rabbitmq import LocalRabbit
from local_runner.backing.rabbitmq_cluster import RabbitCluster
from local_runner.places import RunDir
from local_runner.processes import Child, Spec, is_running
from local_runner.secret_store import SecretStore

from .secrecy import SECRETS

START_SECONDS = 120.0


class Cluster:
    """The servers, as children of this process. A context manager; nothing of them remains."""

    def __init__(self, folder: Path) -> None:
        self._run_dir = RunDir(folder)
        secrets = SecretStore(folder / "secrets.json")
        self.broker = RabbitCluster(self._run_dir, secrets)
        # What is killed here is a process, not the machine: nothing has to be on the disk.
        more = {"fsync": "off", **SYNCHRONOUS}
        self.primary, self.replica = (
            Member(self._run_dir, secrets, name=f"postgres-{number}", more=settings)
            for number, settings in ((1, more), (2, {"fsync": "off"}))
        )
        self._children: dict[str, Child] = {}

    def __enter__(self) -> Self:
        try:
            self._start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self._children.values()):
            child.end()
        for name in self._children:
            remove_folder(self._run_dir.path / name)

    def _start_all(self) -> None:
        self.broker.prepare()
        for spec in self.broker.specs():
            self.start(spec)
        self.primary.prepare()
        self.start_database(self.primary)
        self.replica.follow(self.primary)
        self.start_database(self.replica)
        wait_until(self.broker.is_ready, START_SECONDS, every=0.1)
        wait_until(lambda: len(self.running_nodes()) == len(self.broker.nodes), START_SECONDS)

    def start(self, spec: Spec) -> None:
        """Starts a server, or starts it again on its data."""
        self._children[spec.name] = Child(spec, self._run_dir)
        self._children[spec.name].start()

    def start_database(self, server: Member) -> None:
        """Returns when it answers."""
        for spec in server.specs():
            self.start(spec)
        wait_until(server.is_ready, START_SECONDS, every=0.1)

    def kill(self, name: str) -> None:
        """kill -9 of a server with its children, as when its machine dies; returns when they are gone."""
        process = self._children[name].process
        assert process is not None
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        children = [int(pid) for pid in listed.split()]
        for pid in (process.pid, *children):
            # A child may have ended by itself, or with its parent.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        self._children[name].kill_group()
        wait_until(lambda: not any(map(is_running, children)), 20)

    @property
    def variables(self) -> dict[str, str]:
        """For a system that is to use these servers."""
        return {
            "AMQP_URL": self.broker.url,
            "RABBITMQCTL": shlex.join(self.broker.control),
            "DATABASE_URL": address_of([self.primary, self.replica]),
        }

    def control(self, *words: str, node: int = 0) -> Any:
        """What `rabbitmqctl` of a node says, which is JSON."""
        return Rabbitmqctl(self.broker.nodes[node].control).json(*words)

    def running_nodes(self, node: int = 0) -> list[str]:
        """Erlang's names of those that are up, as a node knows it."""
        found: list[str] = self.control("cluster_status", node=node)["running_nodes"]
        return found

    def node_of(self, process: str, node: int = 0) -> LocalRabbit:
        """The broker that a process's user is connected to."""
        rows = self.control("list_connections", "user", "port", node=node)
        port = next(row["port"] for row in rows if row["user"].endswith(process))
        return next(broker for broker in self.broker.nodes if broker.port == port)

    def members(self, queue: str, node: int = 0) -> dict[str, Any]:
        """Where a queue is: its `leader`, and the nodes of it that are `online`; none while the node can't say."""
        try:
            rows = self.control("list_queues", "name", "leader", "online", node=node)
        except RabbitmqctlFailed:
            return {"leader": "", "online": []}
        return next(dict(row) for row in rows if row["name"] == queue)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster whose logs must be without secrets in the end."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-cluster-"))
    folder.chmod(0o755)
    try:
        with Cluster(folder) as found:
            yield found
        SECRETS.assert_not_in(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
