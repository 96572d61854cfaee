"""A keep-alive HTTP/1.1 connection with almost no cost of its own: `http.client` would be a good part of the figure."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit


class Connection:
    """One connection to the gateway. Only answers with a Content-Length, which is all the gateway's JSON.

    `address` is what a trusted proxy would say of where the client is.
    """

    def __init__(self, url: str, token: str = "", address: str = "") -> None:  # nosec B107 # no token
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._head = f"Host: {parts.netloc}\r\n"
        if token:
            self._head += f"Authorization: Bearer {token}\r\n"
        if address:
            self._head += f"X-Forwarded-For: {address}\r\n"
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._address, timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "application/json",
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n"
        if body:
            head += f"Content-Type: {content_type}\r\n"
        self._socket.sendall(head.encode() + b"\r\n" + body)
        return self._read()

    def _read(self) -> tuple[int, bytes]:
        status = int(self._reader.readline().split(b" ", 2)[1])
        length, closing = 0, False
        while (line := self._reader.readline().strip().lower()) != b"":
            name, _, value = line.partition(b":")
            if name == b"content-length":
                length = int(value)
            closing = closing or line == b"connection: close"
        body = self._reader.read(length)
        if closing:
            self._connect()
        return status, body

    def call(self, method: str, path: str, payload: Any = None) -> Any:
        """The answer's JSON; raises with what was said when it is no 2xx. For preparing, not for measuring."""
        body = b"" if payload is None else json.dumps(payload).encode()
        status, answer = self.request(method, path, body)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path}: {status} {answer[:500]!r}")
        return json.loads(answer) if answer else None
