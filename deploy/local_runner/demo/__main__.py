"""`python -m local_runner.demo`: loads the demo organization through `GATEWAY_URL` with `DEMO_PASSWORD` for everybody.

Can be run again after an interruption: what is there is left as it is.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.time_zones import ZoneInfo
from local_runner.demo import ORGANIZATION, OWNER_LOGIN, story
from local_runner.demo.client import ApiError, Client

UPLOAD_SECONDS = 60.0
UNFINISHED = {"reading", "planned", "applying"}


def main() -> int:
    """1 with the API's answer when a call is refused."""
    try:
        Demo(os.environ["GATEWAY_URL"], os.environ["DEMO_PASSWORD"]).load(datetime.now(UTC))
    except ApiError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


class Demo:
    """Tells the story to the API, in the order in which an administrator would."""

    def __init__(self, url: str, password: str) -> None:
        self._url = url
        self._password = password
        self._ids: dict[str, str] = {}
        self._logins: dict[str, str] = {}
        self._owner = self._owner_client()

    def load(self, now: datetime) -> None:
        """Everything, up to the conversations."""
        for person in story.INSTRUCTORS:
            self._add(person, "instructor")
        for person in (*story.STUDENTS_WITH_INSTRUCTORS, *story.OTHER_STUDENTS):
            self._add(person, "student")
        for student, instructor in story.ASSIGNED_BY_HAND:
            self._owner.put(f"/students/{self._ids[student]}/instructors/{self._ids[instructor]}")
        self._upload()
        for lesson in story.LESSONS:
            self._book(lesson, now)
        for talk in story.TALKS:
            self._talk(talk)

    def _owner_client(self) -> Client:
        """Signs in, or signs up the first time."""
        try:
            return self._sign_in(OWNER_LOGIN)
        except ApiError as error:
            if error.status != 401:
                raise
        owner = {**story.OWNER, "email": OWNER_LOGIN, "password": self._password}
        answer = Client(self._url).post(
            "/organizations", name=ORGANIZATION, time_zone=story.TIME_ZONE, owner=owner
        )
        return Client(self._url, answer["access_token"])

    def _sign_in(self, login: str) -> Client:
        answer = Client(self._url).post("/auth/login", login=login, password=self._password)
        return Client(self._url, answer["access_token"])

    def _add(self, person: story.Person, role: str) -> None:
        """Creates a person who can sign in with the demo password."""
        login = person.email or person.username or ""
        body: dict[str, Any] = {
            "roles": [role],
            "first_name": person.first_name,
            "last_name": person.last_name,
            "password": self._password,
        }
        body |= {"email": person.email} if person.email else {"username": person.username}
        if person.instructors:
            body["instructor_ids"] = [self._ids[key] for key in person.instructors]
        self._logins[person.key] = login
        self._ids[person.key] = self._known(login) or self._owner.post("/users", **body)["id"]

    def _known(self, login: str) -> str | None:
        """The id of a person whom an earlier try has created."""
        for user in self._owner.get(f"/users?q={login}")["items"]:
            if login in {user["email"], user["username"]}:
                return str(user["id"])
        return None

    def _upload(self) -> None:
        """A small file through the upload tool, to its end."""
        upload = self._owner.upload(
            "/imports",
            "autumn-students.csv",
            story.UPLOAD,
            associations="add",
            send_invitations="false",
            apply="true",
        )
        deadline = time.monotonic() + UPLOAD_SECONDS
        while upload["status"] in UNFINISHED and time.monotonic() < deadline:
            time.sleep(0.1)
            upload = self._owner.get(f"/imports/{upload['id']}")
        if upload["status"] != "finished":
            raise ApiError("the demo upload", 0, upload)

    def _book(self, lesson: story.Lesson, now: datetime) -> None:
        """Four weeks of a lesson, last week's first; what is over by now is marked as held."""
        for week, title in enumerate(lesson.titles, start=-1):
            starts_at = lesson_start(lesson, week, now)
            try:
                session = self._owner.post(
                    "/sessions",
                    instructor_id=self._ids[lesson.instructor],
                    student_id=self._ids[lesson.student],
                    starts_at=starts_at.isoformat(),
                    duration_minutes=lesson.duration_minutes,
                    time_zone=story.TIME_ZONE,
                    title=title,
                )
            except ApiError as error:
                if error.code != "booking.conflict":  # an earlier try has booked it
                    raise
                continue
            if starts_at + timedelta(minutes=lesson.duration_minutes) < now:
                self._owner.post(f"/sessions/{session['id']}/complete")

    def _talk(self, talk: story.Talk) -> None:
        """Both sides write in turn, unless their conversation has messages already."""
        instructor = self._sign_in(self._logins[talk.instructor])
        student = self._sign_in(self._logins[talk.student])
        participant = self._ids[talk.student]
        conversation = instructor.post("/conversations", participant_id=participant)
        if conversation["last_message"] is not None:
            return
        for is_instructors, body in talk.messages:
            sender = instructor if is_instructors else student
            sender.post(f"/conversations/{conversation['id']}/messages", body=body)


def lesson_start(lesson: story.Lesson, week: int, now: datetime) -> datetime:
    """When the lesson starts in the week that is `week` weeks after the present one, in the organization's zone."""
    today = now.astimezone(ZoneInfo(story.TIME_ZONE))
    monday = today - timedelta(days=today.weekday())
    day = monday + timedelta(weeks=week, days=lesson.weekday)
    return day.replace(hour=lesson.hour, minute=lesson.minute, second=0, microsecond=0)


if __name__ == "__main__":
    sys.exit(main())
