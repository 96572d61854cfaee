"""Every service, copy after copy, and the gateway's worker are exchanged under load: not one request fails.

The callers here repeat nothing: whatever is no success, and every broken connection, is a failure.
"""

from __future__ import annotations

import itertools
import os
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import requests

from chassis.testing import wait_until

from .client import Api, Organization, expect, session, sign_in, sign_up
from .system import SERVICES, RunningSystem

PAUSE_SECONDS = 0.1
UPLOADED_ROWS = 40
RESTART_SECONDS = 60
LEAST_REQUESTS = 15


class Load:
    """Callers who each do one thing again and again, on one connection each, until it is over."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization
        self.failures: list[str] = []
        self.done: Counter[str] = Counter()
        self.imports: list[str] = []
        self.booked: list[str] = []
        self.sent: list[str] = []
        self.created: list[str] = []
        self._pair = organization.assigned_pair(can_sign_in=True)
        instructor, student = self._pair
        opened = instructor.api.post("/conversations", {"participant_id": student.id})
        self.conversation = f"/conversations/{expect(201, opened)['id']}/messages"
        self._numbers = itertools.count()
        self._over = Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the block runs."""
        deeds = (self.book, self.write, self.assign_and_end, self.read, self.create, self.log_in)
        threads = [Thread(target=self._again_and_again, args=(deed,)) for deed in deeds]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(60)

    def _again_and_again(self, deed: Callable[[Api], None]) -> None:
        api = self.organization.admin
        while not self._over.wait(PAUSE_SECONDS):
            try:
                deed(api)
            except (AssertionError, requests.RequestException) as failure:
                self.failures.append(f"{deed.__name__}: {failure}")
            self.done[deed.__name__] += 1

    def book(self, api: Api) -> None:
        """An administrator books."""
        body = session(*self._pair, next(self._numbers))
        self.booked.append(expect(201, api.post("/sessions", body))["id"])

    def write(self, _api: Api) -> None:
        """The instructor writes."""
        answer = self._pair[0].api.post(self.conversation, {"body": "Hello"})
        self.sent.append(expect(201, answer)["id"])

    def assign_and_end(self, api: Api) -> None:
        """An administrator assigns somebody by hand and takes that back."""
        instructor, student = self._pair[0], self.organization.add_student()
        path = f"/students/{student.id}/instructors/{instructor.id}"
        expect((200, 201), api.put(path))
        expect(200, api.delete(path))

    def read(self, api: Api) -> None:
        """Somebody looks at everything."""
        for path in ("/users", "/assignments", "/sessions", "/conversations", "/audit"):
            expect(200, api.get(path))
        expect(200, api.get(self.conversation))

    def create(self, api: Api) -> None:
        """An administrator creates a student with an instructor."""
        names = {"first_name": "Rolf", "last_name": "Roller"}
        email = f"rolf.{uuid.uuid4().hex}@example.org"
        chosen = {"instructor_ids": [self._pair[0].id]}
        body = {"roles": ["student"], "email": email, **names, **chosen}
        self.created.append(expect(201, api.post("/users", body))["id"])

    def log_in(self, _api: Api) -> None:
        """The student signs in and out."""
        expect(204, sign_in(self.organization.url, self._pair[1].email).post("/auth/logout"))

    def upload(self) -> None:
        """A file of students for the instructor, applied as soon as it is planned."""
        rows = [
            f"student,Uma,Roller{number},uma.{uuid.uuid4().hex}@example.org,{self._pair[0].email}"
            for number in range(UPLOADED_ROWS)
        ]
        text = "\n".join(["role,first_name,last_name,email,instructors", *rows])
        form: dict[str, Any] = {
            "files": {"file": ("uma.csv", text.encode(), "text/csv")},
            "data": {"apply": "true"},
        }
        answer = self.organization.admin.request("POST", "/imports", **form)
        self.imports.append(expect(202, answer)["id"])


def exchange(system: RunningSystem, process: str) -> None:
    """SIGTERM; returns when its successor is ready."""
    old = system.pid(process)
    os.kill(old, signal.SIGTERM)
    wait_until(lambda: system.pid(process) != old, RESTART_SECONDS)
    wait_until(lambda: is_ready(system, process), RESTART_SECONDS, every=0.1)


def is_ready(system: RunningSystem, process: str) -> bool:
    try:
        return requests.get(f"{system.health_url(process)}/readyz", timeout=5).ok
    except (requests.RequestException, OSError, StopIteration):
        return False


def workers_of(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def exchange_worker(system: RunningSystem) -> None:
    """SIGHUP to gunicorn; returns when the old worker has ended."""
    arbiter = system.pid("gateway")
    old = workers_of(arbiter)
    os.kill(arbiter, signal.SIGHUP)
    wait_until(lambda: workers_of(arbiter) and not workers_of(arbiter) & old, RESTART_SECONDS)


@pytest.mark.timeout(600)
def test_no_request_fails_while_every_process_is_exchanged(shared_system: RunningSystem) -> None:
    organization = sign_up(shared_system.url)
    load = Load(organization)
    with load.running():
        for service in SERVICES:
            load.upload()
            for copy in shared_system.processes(service):
                exchange(shared_system, copy)
        load.upload()
        exchange_worker(shared_system)
        enough = {"book", "write", "assign_and_end", "read", "create", "log_in"}
        wait_until(lambda: all(load.done[name] >= LEAST_REQUESTS for name in enough), 60, every=0.1)
    assert load.failures == []

    assert_each_once(load.booked, organization.admin.items("/sessions", limit=200))
    assert_each_once(load.sent, organization.admin.items(load.conversation, limit=200))
    for import_id in load.imports:
        finished = organization.wait_for_import(import_id)
        assert finished["status"] == "finished", finished
    people = organization.admin.items("/users", role="student", limit=200)
    uploaded = [person for person in people if person["first_name"] == "Uma"]
    assert len(uploaded) == UPLOADED_ROWS * len(load.imports)
    assert set(load.created) <= {person["id"] for person in people}


def assert_each_once(answered: list[str], found: list[Any]) -> None:
    assert len(answered) == len(set(answered))
    assert sorted(answered) == sorted(item["id"] for item in found)
