import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.context import Actor
from chassis.events import Event
from chassis.testing import FakeNeighbour, ServiceProcess, actor, wait_until


class Assignment:
    """The assignment service as messaging sees it: it knows some pairs, and can fall silent."""

    def __init__(self) -> None:
        self.pairs: dict[tuple[str, str], uuid.UUID] = {}
        self.fake = FakeNeighbour("assignment", {"authorize": self.authorize}, threads=24)
        self.answers = threading.Event()
        self.answers.set()
        self.answer: dict[str, Any] | None = None

    def authorize(self, kwargs: dict[str, Any], _call: Any) -> dict[str, Any]:
        self.answers.wait(20)
        if self.answer is not None:
            return self.answer
        assignment_id = self.pairs.get((kwargs["instructor_id"], kwargs["student_id"]))
        return {
            "allowed": assignment_id is not None,
            "reason": "assigned" if assignment_id else "never_assigned",
            "assignment_id": str(assignment_id) if assignment_id else None,
        }

    def assign(self, instructor: Actor, student: Actor) -> uuid.UUID:
        key = (str(instructor.user_id), str(student.user_id))
        self.pairs[key] = uuid.uuid4()
        return self.pairs[key]

    def end(self, instructor: Actor, student: Actor) -> uuid.UUID:
        return self.pairs.pop((str(instructor.user_id), str(student.user_id)))

    @contextmanager
    def silent(self) -> Iterator[None]:
        self.answers.clear()
        try:
            yield
        finally:
            self.answers.set()

    @contextmanager
    def saying(self, answer: dict[str, Any]) -> Iterator[None]:
        self.answer = answer
        try:
            yield
        finally:
            self.answer = None


@dataclass
class Talk:
    """An assigned pair with a conversation, driven through the service."""

    service: ServiceProcess
    assignment: Assignment
    instructor: Actor
    student: Actor
    assignment_id: uuid.UUID
    id: str = ""

    def open(self) -> dict[str, Any]:
        opened = self.service.call(
            "open_conversation",
            actor=self.instructor,
            operation_id=uuid.uuid4(),
            participant_id=self.student.user_id,
        )
        self.id = opened["conversation"]["id"]
        return opened

    def send(
        self, sender: Actor, body: str = "Hello", operation_id: uuid.UUID | None = None
    ) -> dict[str, Any]:
        return self.service.call(
            "send_message",
            actor=sender,
            operation_id=operation_id or uuid.uuid4(),
            conversation_id=self.id,
            body=body,
        )

    def mark_read(self, reader: Actor, message_id: str) -> None:
        operation_id = uuid.uuid4()
        self.service.call(
            "mark_read",
            actor=reader,
            operation_id=operation_id,
            conversation_id=self.id,
            message_id=message_id,
        )

    def seen_by(self, reader: Actor) -> dict[str, Any]:
        return self.service.call("get_conversation", actor=reader, conversation_id=self.id)

    def bodies(self, reader: Actor) -> list[str]:
        page = self.service.call("list_messages", actor=reader, conversation_id=self.id)
        return [message["body"] for message in page["items"]]

    def rows(self, columns: str, table: str) -> list[Any]:
        statement = f"SELECT {columns} FROM {table} WHERE conversation_id = %s ORDER BY 1"  # noqa: S608 - our own words, values are parameters # nosec B608
        return self.service.sql(statement, (self.id,))

    def anybody(self, *roles: str) -> Actor:
        return actor(*roles, organization_id=self.instructor.organization_id)

    def event(self, name: str, assignment_id: uuid.UUID, at: datetime, **more: Any) -> Event:
        assignment = {
            "id": str(assignment_id),
            "instructor_id": str(self.instructor.user_id),
            "student_id": str(self.student.user_id),
            "status": "active" if name == "assignment_created" else "ended",
            "assigned_at": at.isoformat(),
            "ended_at": at.isoformat() if name == "assignment_ended" else None,
            **more,
        }
        return Event(
            id=uuid.uuid4(),
            source="assignment",
            name=name,
            time=datetime.now(UTC),
            subject=f"{self.instructor.user_id}:{self.student.user_id}",
            organization_id=self.instructor.organization_id,
            data={"assignments": [assignment]},
        )

    def tell(self, event: Event) -> None:
        """Publishes an event and waits until the service has applied it."""
        self.service.publish_to_it(event)
        statement = "SELECT 1 FROM inbox WHERE event_id = %s"
        wait_until(lambda: self.service.sql(statement, (str(event.id),)))


@pytest.fixture(scope="session")
def service() -> Iterator[ServiceProcess]:
    with ServiceProcess("messaging_service") as process:
        yield process


@pytest.fixture(scope="session")
def assignment() -> Iterator[Assignment]:
    neighbour = Assignment()
    with neighbour.fake:
        yield neighbour


@pytest.fixture
def pair(service: ServiceProcess, assignment: Assignment) -> Talk:
    """An assigned instructor and student who have not talked yet."""
    instructor = actor("instructor")
    student = actor("student", organization_id=instructor.organization_id)
    assignment_id = assignment.assign(instructor, student)
    return Talk(service, assignment, instructor, student, assignment_id)


@pytest.fixture
def talk(pair: Talk) -> Talk:
    """An assigned instructor and student with an open conversation."""
    pair.open()
    return pair
