"""Requests to the gateway as a careful client makes them, each written into the history before it is sent."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import requests

from chaos.history import History, Outcome

API = "/api/v1"

# A request's own deadline is 5 s: a client that gave up at 6 s could not tell which were too long.
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 9.0
# Each piece of an upload has the deadline for itself.
UPLOAD_SECONDS = 20.0

ATTEMPTS = 3
PAUSE_SECONDS = 0.5

LONGEST_KEPT = 2_000
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MARK = re.compile(r"mark[0-9a-f]{8}")


@dataclass(frozen=True)
class Call:
    """One operation, whether it takes one request or several repetitions of it."""

    operation: str
    method: str
    path: str
    body: Any = None
    parameters: Mapping[str, Any] | None = None
    files: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None

    @property
    def said(self) -> dict[str, Any]:
        """What the history keeps of it."""
        words: dict[str, Any] = {"method": self.method, "path": self.path, **self.about}
        if self.body is not None:
            words["body"] = self.body
        if self.parameters:
            words["parameters"] = dict(self.parameters)
        return words


def change(operation: str, method: str, path: str, body: Any = None, **more: Any) -> Call:
    """A call that changes something: all its repetitions share a key."""
    key = more.pop("key", None) or str(uuid.uuid4())
    return Call(operation, method, path, body, key=key, **more)


@dataclass(frozen=True)
class Answer:
    """What came of a request; without a status there was no answer."""

    outcome: Outcome
    status: int | None = None
    body: Any = None

    @property
    def is_ok(self) -> bool:
        """Whether it was a 2xx."""
        return self.outcome == "ok"


class Wire:
    """One client's keep-alive connection. Not for several threads."""

    def __init__(
        self, url: str, history: History, client: str, *, pause: float = PAUSE_SECONDS
    ) -> None:
        self._url = url
        self._pause = pause
        self._history = history
        self._client = client
        self._connection = requests.Session()
        self._connection.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def send(self, call: Call, *, organization: str, token: str | None, attempt: int = 1) -> Answer:
        """Sends once, and records it."""
        number = self._history.invoke(
            self._client,
            call.operation,
            organization=organization,
            request=call.said,
            key=call.key,
            attempt=attempt,
        )
        try:
            answer, kept = self._exchange(call, token)
        except requests.RequestException as error:
            answer, kept = Answer("unknown"), {"error": type(error).__name__}
        self._history.end(number, answer.outcome, status=answer.status, answer=kept)
        return answer

    def _exchange(self, call: Call, token: str | None) -> tuple[Answer, dict[str, Any] | None]:
        response = self._connection.request(
            call.method,
            self._url + API + call.path,
            json=call.body,
            params=call.parameters,
            files=call.files,
            data=call.form,
            headers=headers_of(call, token),
            timeout=(CONNECT_SECONDS, UPLOAD_SECONDS if call.files else ANSWER_SECONDS),
        )
        body = body_of(response)
        return Answer(outcome_of(response.status_code, body), response.status_code, body), kept(
            body
        )

    def repeat(
        self,
        call: Call,
        *,
        organization: str,
        token: Callable[[], str | None],
        stop: threading.Event,
        attempts: int = ATTEMPTS,
        first: int = 1,
    ) -> tuple[Answer, int]:
        """Sends until the outcome is known, some times at most; answers how often it was sent in all.

        The pause is ended by `stop`, and so are the repetitions.
        """
        attempt = first
        while True:
            answer = self.send(call, organization=organization, token=token(), attempt=attempt)
            is_last = attempt - first + 1 >= attempts
            if answer.outcome != "unknown" or is_last or stop.wait(self._pause):
                return answer, attempt
            attempt += 1


def headers_of(call: Call, token: str | None) -> dict[str, str]:
    """The token, and the key; of other methods than POST nobody reads the key."""
    headers = {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if call.key and call.method == "POST":
        headers["Idempotency-Key"] = call.key
    return headers


def body_of(response: requests.Response) -> Any:
    """Parsed JSON, else text."""
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    if kind in {"application/json", "application/problem+json"}:
        return response.json()
    return response.text


def outcome_of(status: int, body: Any) -> Outcome:
    """Whether it happened: an answer that the first request with this key still runs does not say."""
    if status < 300:
        return "ok"
    code = body.get("code") if isinstance(body, dict) else None
    if status >= 500 or code == "idempotency.in_progress":
        return "unknown"
    return "failed"


def kept(body: Any) -> dict[str, Any] | None:
    """What the history keeps of an answer: small things whole, of others what can be told by the ids in it."""
    if body in (None, ""):
        return None
    text = json.dumps(body) if not isinstance(body, str) else body
    if isinstance(body, dict) and len(text) <= LONGEST_KEPT:
        return body
    items = body.get("items") if isinstance(body, dict) else None
    return {
        "ids": sorted(set(UUID.findall(text))),
        "marks": sorted(set(MARK.findall(text))),
        "count": len(items) if isinstance(items, list) else None,
    }
