"""Connections that can't hold a thread for nothing: a thread is given only to a request that has arrived.

gunicorn gives a thread to every connection that says something; one that then dribbles holds it. Here the head of a
request, and a body that fits beside it, wait in the kernel's buffer until they are whole.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections import Counter
from typing import Any

from gunicorn.workers.gthread import TConn

from gateway.addresses import client_of, normal

HEAD_END = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"
# Such a client sends the body only after it was told to.
EXPECT = b"\r\nexpect:"
DIGITS = re.compile(rb"[ \t]*(\d{1,12})[ \t]*\r\n")

# What is looked at first, and at most; a longer head is refused by gunicorn.
GLANCE = 4 * 1024
LOOK = 64 * 1024
# A body up to this size is waited for without a thread; a larger one is received by one (gateway.receiving).
AWAITED_BODY = 32 * 1024

# From a request's first byte until it can be answered.
ARRIVAL_SECONDS = 10.0
# From then on until the answer is out; longer for a large body, which must come at this speed on average.
ANSWER_SECONDS = 30.0
SLOWEST_BYTES_PER_SECOND = 32 * 1024
# Most answers fit: a client that doesn't take its answer holds nobody up.
ANSWER_BUFFER = 256 * 1024


class Crowd:
    """Counts the open connections of each client. For one thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    def enter(self, client: str) -> bool:
        """Whether this client may have one more; then it has. Without a limit everybody may."""
        if self._most and self._open[client] >= self._most:
            return False
        self._open[client] += 1
        return True

    def leave(self, client: str) -> None:
        """One of this client's is closed."""
        self._open[client] -= 1
        if self._open[client] <= 0:
            del self._open[client]


def client_at(address: Any) -> str:
    """Whose a socket's address is; of a UNIX socket nobody's in particular."""
    return client_of(normal(address[0])) if isinstance(address, tuple) else ""


class Connection(TConn):  # type: ignore[misc,unused-ignore]
    """A client's connection."""

    def __init__(
        self, cfg: Any, sock: socket.socket, client: Any, server: Any, crowd: Crowd
    ) -> None:
        super().__init__(cfg, sock, client, server)
        self._crowd: Crowd | None = crowd
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ANSWER_BUFFER)
        self._expected = 0
        self._arriving_since: float | None = None
        self._answer_by: float | None = None

    def close(self, graceful: bool = False) -> None:
        """Ends it, which makes room for another of this client's."""
        if self._crowd is not None:
            self._crowd.leave(client_at(self.client))
            self._crowd = None
        super().close(graceful)

    def begin(self) -> None:
        """A thread will be busy with it."""
        self._answer_by = time.monotonic() + ANSWER_SECONDS

    def has_arrived(self) -> bool:
        """Whether a thread can go on without waiting for the client. If not, it becomes readable when it can."""
        if self.initialized and self.parser.unreader.buf.getvalue():
            # Already read, together with the request before.
            return True
        received = self._glance()
        if received is None:
            return False
        needed = needed_for(received)
        if not needed and self._answer_by is not None:
            self._answer_by += extra_seconds_for(received)
        # Readable with less than was waited for means that nothing more will come.
        if len(received) >= needed or len(received) < self._expected:
            self._await(0)
            return True
        self._arriving_since = self._arriving_since or time.monotonic()
        self._await(needed)
        return False

    def _glance(self) -> bytes | None:
        """What is there, without taking it; None if nothing is."""
        try:
            received: bytes = self.sock.recv(GLANCE, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            if len(received) == GLANCE:
                received = self.sock.recv(LOOK, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        return received

    def _await(self, size: int) -> None:
        """Has the kernel call the connection readable at so many bytes; at any, with 0."""
        if size != self._expected:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(1, size))
            self._expected = size
        if not size:
            self._arriving_since = None

    def is_dribbling(self, now: float) -> bool:
        """Whether a request has been arriving for too long."""
        return self._arriving_since is not None and now > self._arriving_since + ARRIVAL_SECONDS

    def is_overdue(self, now: float) -> bool:
        """Whether a thread has been busy with it for too long."""
        return self._answer_by is not None and now > self._answer_by

    def cut(self) -> None:
        """Wakes the thread that waits for the client; it finds the connection closed."""
        self._answer_by = None
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def rest(self) -> None:
        """No thread is busy with it any more."""
        self._answer_by = None


def needed_for(received: bytes) -> int:
    """The bytes that must be there at least before a thread should look; no more than are there if it may."""
    end = received.find(HEAD_END)
    if end < 0:
        return len(received) + 1 if 0 < len(received) < LOOK else 0
    head = received[: end + 2].lower()
    length = length_in(head)
    if length > AWAITED_BODY or EXPECT in head:
        return 0
    whole = end + len(HEAD_END) + length
    return whole if whole <= LOOK else 0


def length_in(head: bytes) -> int:
    """The length of the body, as the head of the request says in lower case."""
    start = head.find(LENGTH)
    match = DIGITS.match(head, start + len(LENGTH)) if start >= 0 else None
    return int(match[1]) if match else 0


def extra_seconds_for(received: bytes) -> float:
    """How much longer the request that begins like this may take because of its body."""
    head = received[: received.find(HEAD_END) + 2].lower()
    return length_in(head) / SLOWEST_BYTES_PER_SECOND
