"""gunicorn's threaded worker, with problem details for what never reaches the application, and no endless waiting.

A request gets a thread when it has arrived, and a client gets so many connections and no more (gateway.connections).
An answer given before the request's body was read tells the client that the connection ends with it, and the client
gets the whole answer even while it is still sending.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import struct
import time
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.http.body import ChunkedReader
from gunicorn.workers.gthread import _DEFER, STOP_KEEPALIVE_LINGER, ThreadWorker
from werkzeug.datastructures import Headers

from gateway import safety
from gateway.connections import Connection, Crowd, client_at
from gateway.problems import CODE_OF_STATUS, CONTENT_TYPE, EXTRA_HEADERS, body_of, title_of

# A client that sends or takes nothing for this long gives its thread back.
STALLED_SECONDS = 15
TIMEVAL = struct.pack("@ll", STALLED_SECONDS, 0)

# gunicorn discards up to 64 KiB of a body that nobody read, and drops the connection if there is more: a client that
# was told it may go on using it loses its next request then. Half of that is surely discarded.
DISCARDED = 32 * 1024

# How long what a client still sends is taken in after the last answer: in all, and without a byte of it.
LINGER_SECONDS = 5.0
SILENCE_SECONDS = 1.0
LINGER_BYTES = 64 * 1024

STATUS_OF_ERROR = (
    (errors.LimitRequestLine, 414),
    (errors.LimitRequestHeaders, 431),
    (errors.ParseException, 400),
)
DETAILS = {
    400: "This is no HTTP request.",
    408: "The request did not arrive.",
    414: "The address is too long.",
    429: "Too many connections are open from this address.",
    431: "The headers are too large.",
}
NOTHING_TO_ACCEPT = (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK)


class Worker(ThreadWorker):
    """The gateway's worker."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._crowd = Crowd(0)
        self._busy: set[Connection] = set()

    def load_wsgi(self) -> None:
        """Loads the application, which knows the settings."""
        super().load_wsgi()
        self._crowd = Crowd(self.wsgi.parts.settings.most_connections)

    def accept(self, listener: Any) -> None:
        """Takes a new connection in, unless its client has too many."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in NOTHING_TO_ACCEPT:
                return
            raise
        if not self._crowd.enter(client_at(client)):
            dismiss(sock, 429)
            util.close(sock)
            return
        self.nr_conns += 1
        self.enqueue_req(Connection(self.cfg, sock, client, listener.getsockname(), self._crowd))

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Called when a thread is done with a connection."""
        self._busy.discard(conn)
        conn.rest()
        if not self.alive and is_deferred(fs):
            self._await_arrival(conn)
        else:
            super().finish_request(conn, fs)

    def _await_arrival(self, conn: Any) -> None:
        """Keeps a connection whose request has not arrived, for a moment. gunicorn would drop it when it stops."""
        conn.sock.settimeout(0)
        conn.timeout = time.monotonic() + STOP_KEEPALIVE_LINGER
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def murder_pending(self) -> None:
        """Ends what takes too long: requests that don't arrive, clients that don't send or take what they should."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [each for each in self.pending_conns if each.is_dribbling(now)]:
            self.pending_conns.remove(conn)
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            dismiss(conn.sock, 408)
            conn.close()
        for conn in [each for each in self._busy if each.is_overdue(now)]:
            conn.cut()

    def enqueue_req(self, conn: Any) -> None:
        """Hands a connection to a thread."""
        self._busy.add(conn)
        conn.begin()
        # The kernel's own limits: gunicorn switches between blocking and not, and forgets Python's.
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, TIMEVAL)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, TIMEVAL)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Answers a connection's request, if it has arrived; whether to keep it."""
        if not conn.has_arrived():
            return _DEFER
        is_kept = super().handle(conn)
        if is_kept is False:
            # gunicorn would do it in the thread that serves all connections, which then wait for this client.
            linger(conn.sock)
        return is_kept

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answers a request; whether to keep its connection."""
        is_asked_to_close = req.should_close

        def should_close() -> bool:
            # Asked when the answer's headers are sent, and again after the answer: what was said stays.
            if is_left_unread(req.body):
                req.force_close()
            closes: bool = is_asked_to_close()
            return closes

        req.should_close = should_close
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answers a request that could not be parsed."""
        status = next((s for kind, s in STATUS_OF_ERROR if isinstance(exc, kind)), None)
        if status is None:
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("Unreadable request: %s", type(exc).__name__)
        util.write_nonblock(client, refusal(status))


def is_deferred(outcome: Any) -> bool:
    """Whether a thread gave a connection back because its request had not arrived."""
    return not outcome.cancelled() and not outcome.exception() and outcome.result() is _DEFER


def is_left_unread(body: Any) -> bool:
    """Whether more of a request's body is still to come than is worth waiting for, or nobody knows how much."""
    if body.failed:
        return True
    if isinstance(body.reader, ChunkedReader):
        return body.reader.parser is not None
    return bool(body.reader.length > DISCARDED)


def linger(connection: socket.socket) -> None:
    """Ends a connection such that the client can read the last answer.

    Closing while something unread is there, or still comes, makes the kernel reset the connection, and the client's
    kernel throws away what it has received (RFC 9112, section 9.6).
    """
    give_up = time.monotonic() + LINGER_SECONDS
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while (left := give_up - time.monotonic()) > 0:
            connection.settimeout(min(left, SILENCE_SECONDS))
            if not connection.recv(LINGER_BYTES):
                break
    with contextlib.suppress(OSError):
        # Nobody waits for this client again.
        connection.shutdown(socket.SHUT_RDWR)


def dismiss(connection: socket.socket, status: int) -> None:
    """Answers a client that gets no thread. What it has said is taken in, or closing would take the answer back."""
    connection.settimeout(0)
    util.write_nonblock(connection, refusal(status))
    with contextlib.suppress(OSError):
        connection.recv(LINGER_BYTES)


def refusal(status: int) -> bytes:
    """A whole HTTP answer with a problem."""
    body = body_of(status, CODE_OF_STATUS[status], DETAILS[status])
    headers = Headers(EXTRA_HEADERS.get(status, {}))
    headers["Content-Type"], headers["Content-Length"] = CONTENT_TYPE, str(len(body))
    headers["Connection"] = "close"
    safety.add_headers(headers, has_tls=False)
    return f"HTTP/1.1 {status} {title_of(status)}\r\n{headers}".encode() + body
