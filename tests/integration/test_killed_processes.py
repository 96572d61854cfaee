"""kill -9 of any process in the middle of the four ways: nothing that was answered is lost or done twice.

Each caller does what a careful client does: it repeats a request that got no answer, or a 503, with the same
Idempotency-Key.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import requests

from chassis.testing import wait_until

from .client import Answer, Api, Organization, expect, session, sign_up
from .system import SERVICES, RunningSystem

STEPS = 12
PROCESSES = [*(f"{service}.1" for service in SERVICES), "gateway", "postgres"]


def persistently(request: Callable[[dict[str, str]], Answer], seconds: float = 30.0) -> Any:
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
        assert time.monotonic() < deadline, f"no answer for {seconds} s: {said}"
        time.sleep(0.05)


def post_persistently(api: Api, path: str, body: dict[str, Any]) -> Any:
    """The same for a POST of JSON."""
    return persistently(lambda headers: api.post(path, body, headers=headers))


def put_persistently(api: Api, path: str) -> Any:
    """The same for a PUT, which needs no key."""
    return persistently(lambda headers: api.put(path))


class Callers:
    """An administrator at each of the four ways, and a pair that writes messages."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization
        self.instructors = [organization.add_instructor() for _ in range(STEPS)]
        self.booked = organization.add_student()
        self.assigned = organization.add_student()
        self.writer, self.reader = organization.assigned_pair(can_sign_in=True)
        opened = self.writer.api.post("/conversations", {"participant_id": self.reader.id})
        self.conversation = expect(201, opened)["id"]
        self.under_way = Event()

    def way_1(self) -> list[str]:
        """Creates students with an instructor; their ids."""
        api = self.organization.admin
        made = []
        for number, instructor in enumerate(self.instructors):
            names = {"first_name": "Kim", "last_name": f"Killed{number}"}
            unique = {"email": f"kim.{uuid.uuid4().hex}@example.org"}
            body = {"roles": ["student"], **names, **unique, "instructor_ids": [instructor.id]}
            made.append(post_persistently(api, "/users", body)["id"])
        return made

    def way_2(self) -> list[str]:
        """Books the student with each instructor; the sessions' ids."""
        api = self.organization.admin
        made = []
        for number, instructor in enumerate(self.instructors):
            body = session(instructor, self.booked, number)
            made.append(post_persistently(api, "/sessions", body)["id"])
            if number == STEPS // 4:
                self.under_way.set()
        return made

    def way_3(self) -> list[str]:
        """Assigns the student to each instructor; the assignments' ids."""
        api = self.organization.admin
        paths = [f"/students/{self.assigned.id}/instructors/{i.id}" for i in self.instructors]
        return [put_persistently(api, path)["id"] for path in paths]

    def way_4(self) -> str:
        """Uploads a file of students for all instructors; the import's id."""
        api = self.organization.admin
        rows = [
            f"student,Una,Upload{number},una.{uuid.uuid4().hex}@example.org,{instructor.email}"
            for number, instructor in enumerate(self.instructors * 20)
        ]
        text = "\n".join(["role,first_name,last_name,email,instructors", *rows])
        form = {
            "files": {"file": ("una.csv", text.encode(), "text/csv")},
            "data": {"apply": "true"},
        }
        started = persistently(lambda h: api.request("POST", "/imports", headers=h, **form))
        return str(started["id"])

    def write(self) -> list[str]:
        """Sends messages; their ids."""
        path = f"/conversations/{self.conversation}/messages"
        texts = [f"Message {number}" for number in range(STEPS)]
        return [post_persistently(self.writer.api, path, {"body": text})["id"] for text in texts]


@pytest.mark.parametrize("process", PROCESSES)
def test_nothing_answered_is_lost_or_done_twice_when_a_process_is_killed(
    mistreated_system: RunningSystem, process: str
) -> None:
    mistreated_system.run_with()
    if process == "postgres" and "postgres" not in names_of(mistreated_system):
        pytest.skip("the database is not a process of this run")
    organization = sign_up(mistreated_system.url)
    callers = Callers(organization)
    with ThreadPoolExecutor(5) as pool:
        uploads = pool.submit(callers.way_4)
        students = pool.submit(callers.way_1)
        sessions = pool.submit(callers.way_2)
        assignments = pool.submit(callers.way_3)
        messages = pool.submit(callers.write)
        assert callers.under_way.wait(30)
        mistreated_system.kill(process)
    finished = organization.wait_for_import(uploads.result())
    assert finished["status"] == "finished"

    assert_each_once(sessions.result(), organization.admin.items("/sessions"))
    path = f"/conversations/{callers.conversation}/messages"
    assert_each_once(messages.result(), callers.reader.api.items(path))
    people = organization.admin.items("/users", role="student", limit=200)
    assert set(students.result()) <= {person["id"] for person in people}
    assert len(people) == 3 + STEPS + 20 * STEPS
    # The last events may still be on their way.
    expected = 1 + 3 * STEPS + 20 * STEPS
    wait_until(lambda: len(active_pairs(organization)) == expected, 15, every=0.2)
    made = {entry["id"] for entry in organization.admin.items("/assignments", limit=200)}
    assert set(assignments.result()) <= made
    assert len(made) == expected


def names_of(system: RunningSystem) -> set[str]:
    """Every process with a pid file."""
    return {path.stem for path in system.run_dir.glob("*.pid")}


def active_pairs(organization: Organization) -> set[tuple[str, str]]:
    """Who is assigned to whom."""
    entries = organization.admin.items("/assignments", status="active", limit=200)
    pairs = [(entry["instructor_id"], entry["student_id"]) for entry in entries]
    assert len(pairs) == len(set(pairs)), "assigned twice"
    return set(pairs)


def assert_each_once(ids: list[str], found: list[Any]) -> None:
    """Exactly what was answered is there, once."""
    assert len(ids) == len(set(ids)) == STEPS
    assert sorted(ids) == sorted(item["id"] for item in found)


def test_a_killed_process_is_started_again_and_serves(mistreated_system: RunningSystem) -> None:
    mistreated_system.run_with()
    for process in mistreated_system.processes():
        mistreated_system.kill(process)
    api = Api(mistreated_system.url)
    wait_until(lambda: is_ready(api), 60, every=0.1)
    organization = sign_up(mistreated_system.url)
    instructor, student = organization.pair()
    organization.assign(instructor, student)
    assert organization.instructors_of(student) == {instructor.id: "manual"}


def is_ready(api: Api) -> bool:
    """Whether the gateway says that all is well."""
    try:
        return api.get("/readyz").status == 200
    except requests.ConnectionError:
        return False
