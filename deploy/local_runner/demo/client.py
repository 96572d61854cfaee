"""The few HTTP calls that the demo needs, on the standard library."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

TRIES = 5


class ApiError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, call: str, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = problem.get("code")
        super().__init__(f"{call}: {status} {json.dumps(problem)}")


class Client:
    """One person's calls. The same POST made again has the same key, so an interrupted load can be repeated."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self._address = urlsplit(base_url).netloc
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str) -> Any:
        """The answer's JSON."""
        return self._call("GET", path)

    def put(self, path: str) -> Any:
        """The answer's JSON."""
        return self._call("PUT", path)

    def post(self, path: str, **body: Any) -> Any:
        """The answer's JSON."""
        content = json.dumps(body).encode()
        return self._call("POST", path, content, {"Content-Type": "application/json"})

    def upload(self, path: str, filename: str, content: str, **fields: str) -> Any:
        """Posts a form with one file; the answer's JSON."""
        boundary = hashlib.sha256(content.encode()).hexdigest()
        parts = [form_part(boundary, name, value) for name, value in fields.items()]
        parts.append(form_part(boundary, f'file"; filename="{filename}', content, "text/csv"))
        body = "".join(parts) + f"--{boundary}--\r\n"
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self._call("POST", path, body.encode(), headers)

    def _call(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Any:
        """Tries again while the system says that it is not there or too busy."""
        key = uuid.uuid5(uuid.NAMESPACE_URL, f"{method} {path} {body.hex()} {self._headers}")
        sent = {**self._headers, **(headers or {})}
        if method == "POST":
            sent["Idempotency-Key"] = str(key)
        for attempt in range(TRIES):
            status, answer = self._exchange(method, path, body, sent)
            if status not in {429, 503} or attempt == TRIES - 1:
                break
            time.sleep(0.5 * 2**attempt)
        if status >= 300:
            raise ApiError(f"{method} {path}", status, answer or {})
        return answer

    def _exchange(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self._address, timeout=30)
        try:
            connection.request(method, f"/api/v1{path}", body or None, headers)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None
        finally:
            connection.close()


def form_part(boundary: str, name: str, value: str, content_type: str = "text/plain") -> str:
    """One field of a multipart form."""
    disposition = f'Content-Disposition: form-data; name="{name}"'
    return f"--{boundary}\r\n{disposition}\r\nContent-Type: {content_type}\r\n\r\n{value}\r\n"
