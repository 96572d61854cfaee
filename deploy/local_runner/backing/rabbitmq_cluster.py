"""A private RabbitMQ of several nodes on one machine, which find each other by a list in their configuration."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.addresses import Host, ServerUrl
from local_runner.backing.rabbitmq import LocalRabbit, node_name
from local_runner.places import RunDir
from local_runner.ports import free_port
from local_runner.processes import Spec
from local_runner.secret_store import SecretStore

SETTINGS = """\
cluster_formation.peer_discovery_backend = classic_config
cluster_partition_handling = pause_minority
queue_leader_locator = balanced
"""


class RabbitCluster:
    """The nodes `rabbitmq-1`, `rabbitmq-2`, ... and their one port mapper. A broker like any other."""

    def __init__(self, run_dir: RunDir, secrets: SecretStore, *, size: int = 3) -> None:
        names = [f"rabbitmq-{number}" for number in range(1, size + 1)]
        members = (
            f"cluster_formation.classic_config.nodes.{number} = {node_name(run_dir, name)}\n"
            for number, name in enumerate(names, 1)
        )
        more, mapper_port = SETTINGS + "".join(members), free_port()
        self.nodes = [
            LocalRabbit(run_dir, secrets, name=name, mapper_port=mapper_port, more=more)
            for name in names
        ]

    @property
    def url(self) -> str:
        """All nodes in one address, as the administrator."""
        hosts = (Host("127.0.0.1", node.port) for node in self.nodes)
        return str(ServerUrl.read(self.nodes[0].url).with_hosts(*hosts))

    @property
    def control(self) -> tuple[str, ...]:
        """By way of the first node."""
        return self.nodes[0].control

    def prepare(self) -> None:
        """Writes each node's configuration."""
        for node in self.nodes:
            node.prepare()

    def specs(self) -> Sequence[Spec]:
        """The port mapper, then the nodes, which may start in any order."""
        return (self.nodes[0].mapper_spec(), *(node.broker_spec() for node in self.nodes))

    def is_ready(self) -> bool:
        """Whether every node opens the AMQP dialogue: what is declared now gets a copy on each."""
        return all(node.is_ready() for node in self.nodes)
