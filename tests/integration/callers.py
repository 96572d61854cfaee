"""Load of all four ways and messages, by callers who do what a careful client does, and what must be there in the end.

They repeat a request that got no answer, or a 503, with the same Idempotency-Key.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import requests

from chassis.testing import wait_until

from .client import Answer, Api, Organization, expect, session

ROWS = 20


class Callers:
    """An administrator at each of the four ways, and a pair that writes messages; each does `steps`."""

    def __init__(self, organization: Organization, steps: int = 12) -> None:
        self.organization = organization
        self.steps = steps
        self.instructors = [organization.add_instructor() for _ in range(steps)]
        self.booked = organization.add_student()
        self.assigned = organization.add_student()
        self.writer, self.reader = organization.assigned_pair(can_sign_in=True)
        opened = self.writer.api.post("/conversations", {"participant_id": self.reader.id})
        self.conversation = expect(201, opened)["id"]
        self.under_way = Event()
        # When requests failed, as time.monotonic() tells it.
        self.failures: list[float] = []

    def persistently(
        self, request: Callable[[dict[str, str]], Answer], seconds: float = 30.0
    ) -> Any:
        """Repeats a request until it is answered; its body."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = request(headers)
                if answer.status != 503 and answer.code != "idempotency.in_progress":
                    return expect((200, 201, 202), answer)
                said = str(answer.body)
            except requests.ConnectionError as error:
                said = str(error)
            self.failures.append(time.monotonic())
            assert time.monotonic() < deadline, f"no answer for {seconds} s: {said}"
            time.sleep(0.05)

    def post(self, api: Api, path: str, body: dict[str, Any]) -> Any:
        """The same for a POST of JSON."""
        return self.persistently(lambda headers: api.post(path, body, headers=headers))

    def way_1(self) -> list[str]:
        """Creates students with an instructor; their ids."""
        api = self.organization.admin
        made = []
        for number, instructor in enumerate(self.instructors):
            names = {"first_name": "Kim", "last_name": f"Killed{number}"}
            unique = {"email": f"kim.{uuid.uuid4().hex}@example.org"}
            body = {"roles": ["student"], **names, **unique, "instructor_ids": [instructor.id]}
            made.append(self.post(api, "/users", body)["id"])
        return made

    def way_2(self) -> list[str]:
        """Books the student with each instructor; the sessions' ids."""
        api = self.organization.admin
        made = []
        for number, instructor in enumerate(self.instructors):
            body = session(instructor, self.booked, number)
            made.append(self.post(api, "/sessions", body)["id"])
            if number == self.steps // 4:
                self.under_way.set()
        return made

    def way_3(self) -> list[str]:
        """Assigns the student to each instructor; the assignments' ids. A PUT needs no key."""
        api = self.organization.admin
        paths = [f"/students/{self.assigned.id}/instructors/{i.id}" for i in self.instructors]
        return [self.persistently(lambda _, p=path: api.put(p))["id"] for path in paths]  # type: ignore[misc]

    def way_4(self) -> str:
        """Uploads a file of students for all instructors; the import's id."""
        api = self.organization.admin
        rows = [
            f"student,Una,Upload{number},una.{uuid.uuid4().hex}@example.org,{instructor.email}"
            for number, instructor in enumerate(self.instructors * ROWS)
        ]
        text = "\n".join(["role,first_name,last_name,email,instructors", *rows])
        form = {
            "files": {"file": ("una.csv", text.encode(), "text/csv")},
            "data": {"apply": "true"},
        }
        started = self.persistently(lambda h: api.request("POST", "/imports", headers=h, **form))
        return str(started["id"])

    def write(self) -> list[str]:
        """Sends messages; their ids."""
        path = f"/conversations/{self.conversation}/messages"
        texts = [f"Message {number}" for number in range(self.steps)]
        return [self.post(self.writer.api, path, {"body": text})["id"] for text in texts]

    def go_through(self, disturb: Callable[[], None]) -> None:
        """Has all of them work at once, disturbs them in the middle, and asserts that all of it stands, once."""
        with ThreadPoolExecutor(5) as pool:
            upload = pool.submit(self.way_4)
            students = pool.submit(self.way_1)
            sessions = pool.submit(self.way_2)
            assignments = pool.submit(self.way_3)
            messages = pool.submit(self.write)
            assert self.under_way.wait(30)
            disturb()
        uploaded = f"/imports/{upload.result()}"
        wait_until(lambda: self._can_be_read(uploaded), 30, every=0.1)
        finished = self.organization.wait_for_import(upload.result())
        assert finished["status"] == "finished"
        assert_same(sessions.result(), self.organization.admin.items("/sessions"))
        path = f"/conversations/{self.conversation}/messages"
        assert_same(messages.result(), self.reader.api.items(path))
        self._assert_people(students.result())
        self._assert_assignments(assignments.result())

    def _can_be_read(self, uploaded: str) -> bool:
        """Whether every part answers. The first call over a way not used since may fail, which is noted."""
        lists = ("/users", "/sessions", "/assignments", "/conversations", uploaded)
        failed = [path for path in lists if self.organization.admin.get(path).status == 503]
        self.failures += [time.monotonic()] * len(failed)
        return not failed

    def _assert_people(self, students: list[str]) -> None:
        people = self.organization.admin.items("/users", role="student", limit=200)
        assert len(set(students)) == self.steps
        assert set(students) <= {person["id"] for person in people}
        assert len(people) == 3 + self.steps + ROWS * self.steps

    def _assert_assignments(self, assigned: list[str]) -> None:
        """Of all four ways. The last events may still be on their way."""
        expected = 1 + 3 * self.steps + ROWS * self.steps
        wait_until(lambda: len(active_pairs(self.organization)) == expected, 60, every=0.2)
        entries = self.organization.admin.items("/assignments", limit=200)
        made = {entry["id"] for entry in entries}
        assert set(assigned) <= made
        assert len(made) == expected


def active_pairs(organization: Organization) -> set[tuple[str, str]]:
    """Who is assigned to whom."""
    entries = organization.admin.items("/assignments", status="active", limit=200)
    pairs = [(entry["instructor_id"], entry["student_id"]) for entry in entries]
    assert len(pairs) == len(set(pairs)), "assigned twice"
    return set(pairs)


def assert_same(ids: list[str], found: list[Any]) -> None:
    """Exactly what was answered is there, once."""
    assert len(ids) == len(set(ids))
    assert sorted(ids) == sorted(item["id"] for item in found)
