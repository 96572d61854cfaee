from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chaos.clients.client import Ledger, Unsettled
from chaos.clients.crowd import Crowd
from chaos.clients.wire import Call, Wire, change
from chaos.clients.world import Organization, Person
from chaos.history import Entry, History, read

IN_PROGRESS = (409, {"code": "idempotency.in_progress"})


class Gateway(ThreadingHTTPServer):
    """Answers what it is told to, in turn, and the last of it for ever; notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, Any]] = [(200, {})]
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        answers = self.server.answers
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "history.jsonl") as written:
        yield written


def entries(history: History) -> list[Entry]:
    return read(history.path)


def repeat(gateway: Gateway, history: History, call: Call, **more: Any) -> Any:
    """The answer and how often it was sent; without pauses."""
    wire = Wire(gateway.url, history, "c", pause=0.0)
    with wire:
        return wire.repeat(
            call, organization="o", token=lambda: "sesame", stop=threading.Event(), **more
        )


def test_a_call_is_repeated_with_its_key_until_it_is_known(
    gateway: Gateway, history: History
) -> None:
    gateway.answers = [(503, {}), IN_PROGRESS, (201, {"id": "s"})]

    answer, attempts = repeat(gateway, history, change("book_session", "POST", "/sessions", {}))

    assert (answer.status, attempts) == (201, 3)
    (key,) = {headers["Idempotency-Key"] for _, _, headers in gateway.asked}
    assert [(one.key, one.outcome, one.attempt) for one in entries(history)] == [
        (key, "unknown", 1),
        (key, "unknown", 2),
        (key, "ok", 3),
    ]


def test_what_stays_unknown_is_not_repeated_for_ever(gateway: Gateway, history: History) -> None:
    gateway.answers = [(503, {})]

    answer, attempts = repeat(gateway, history, change("assign", "PUT", "/x"), attempts=2)

    assert (answer.outcome, attempts) == ("unknown", 2)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429])
def test_a_refusal_is_known_at_once(gateway: Gateway, history: History, status: int) -> None:
    gateway.answers = [(status, {"code": "no"})]

    answer, attempts = repeat(gateway, history, change("assign", "PUT", "/x"))

    assert (answer.outcome, attempts) == ("failed", 1)


def test_no_answer_at_all_is_unknown(gateway: Gateway, history: History) -> None:
    gateway.server_close()

    answer, _ = repeat(gateway, history, change("assign", "PUT", "/x"), attempts=1)

    assert (answer.outcome, answer.status) == ("unknown", None)
    (entry,) = entries(history)
    assert entry.answer == {"error": "ConnectionError"}


def test_of_a_long_answer_the_history_keeps_the_ids(gateway: Gateway, history: History) -> None:
    person = "8c5e8a1e-5f0a-4f5e-9d4e-0d1f6a3b7c21"
    items = [{"id": person, "last_name": "Lee mark0123abcd", "notes": "x" * 3_000}]
    gateway.answers = [(200, {"items": items, "next_cursor": None})]

    repeat(gateway, history, Call("list_users", "GET", "/users"))

    (entry,) = entries(history)
    assert entry.answer == {"ids": [person], "marks": ["mark0123abcd"], "count": 1}


def test_tokens_and_passwords_stay_out_of_the_history(gateway: Gateway, history: History) -> None:
    gateway.answers = [(200, {"access_token": "opensesame", "refresh_token": "opensesame"})]  # nosec B105 # made up for a test
    login = change("log_in", "POST", "/auth/login", {"login": "o", "password": "opensesame"})  # nosec B105 # made up for a test

    repeat(gateway, history, login)

    assert "sesame" not in history.path.read_text()


def test_what_was_left_unknown_is_settled_later(gateway: Gateway, history: History) -> None:
    person = Person("p", "p@example.org", "owner", access_token="t")  # nosec B106 # made up for a test
    call = change("book_session", "POST", "/sessions", {})
    left = Unsettled(call, Organization("o", "mark00000000", person), person, "c", attempt=3)
    crowd, ledger = Crowd(gateway.url, history, seed=1), Ledger()
    ledger.add(left)
    crowd.ledger = ledger
    gateway.answers = [(503, {}), (201, {"id": "s"})]

    assert crowd.settle() == 0

    assert [(one.outcome, one.attempt, one.key) for one in entries(history)] == [
        ("unknown", 4, call.key),
        ("ok", 5, call.key),
    ]
    assert crowd.settle() == 0
    assert len(gateway.asked) == 2


def test_somebody_whose_token_expired_signs_in_to_settle(
    gateway: Gateway, history: History
) -> None:
    person = Person("p", "p@example.org", "owner", access_token="old")  # nosec B106 # made up for a test
    call = change("book_session", "POST", "/sessions", {})
    crowd = Crowd(gateway.url, history, seed=1)
    organization = Organization("o", "mark00000000", person)
    crowd.ledger.add(Unsettled(call, organization, person, "c", attempt=1))
    tokens = {"access_token": "new", "refresh_token": "r"}  # nosec B105 # made up for a test
    gateway.answers = [(401, {}), (200, tokens), (201, {"id": "s"})]

    assert crowd.settle() == 0

    assert gateway.asked[-1][2]["Authorization"] == "Bearer new"
