"""gunicorn's threaded worker, with problem details for what never reaches the application, and no endless waiting."""

from __future__ import annotations

import socket
import struct
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from gateway.problems import CODE_OF_STATUS, CONTENT_TYPE, body_of, title_of

# A client that sends or takes nothing for this long gives its thread back.
STALLED_SECONDS = 15
TIMEVAL = struct.pack("@ll", STALLED_SECONDS, 0)

STATUS_OF_ERROR = (
    (errors.LimitRequestLine, 414),
    (errors.LimitRequestHeaders, 431),
    (errors.ParseException, 400),
)
DETAILS = {
    400: "This is no HTTP request.",
    414: "The address is too long.",
    431: "The headers are too large.",
}


class Worker(ThreadWorker):
    """The gateway's worker."""

    def enqueue_req(self, conn: Any) -> None:
        """Hands a connection to a thread."""
        # The kernel's own limits: gunicorn switches between blocking and not, and forgets Python's.
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, TIMEVAL)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, TIMEVAL)
        super().enqueue_req(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answers a request that could not be parsed."""
        status = next((s for kind, s in STATUS_OF_ERROR if isinstance(exc, kind)), None)
        if status is None:
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("Unreadable request: %s", type(exc).__name__)
        util.write_nonblock(client, refusal(status))


def refusal(status: int) -> bytes:
    """A whole HTTP answer with a problem."""
    body = body_of(status, CODE_OF_STATUS[status], DETAILS[status])
    head = (
        f"HTTP/1.1 {status} {title_of(status)}\r\n"
        f"Content-Type: {CONTENT_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
