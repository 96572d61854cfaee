"""Free TCP ports on the loopback address."""

from __future__ import annotations

import random
import socket

# Below the range that the kernel takes outgoing connections' ports from: while a server is restarted, no client's own
# end can sit on its port.
PRIVATE_RANGE = range(20_000, 32_000)
taken: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on and that this process has not handed out before."""
    while True:
        port = random.choice(PRIVATE_RANGE)  # noqa: S311 - chance against clashes, no secret # nosec B311
        if port not in taken and is_free(port):
            taken.add(port)
            return port


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As servers do: connections of an earlier server that linger in TIME_WAIT are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
