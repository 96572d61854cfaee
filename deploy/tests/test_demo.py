"""The demo's story holds together: nobody is in two places, everybody is known."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from itertools import combinations

from chassis.time_zones import ZoneInfo
from local_runner.demo import story
from local_runner.demo.__main__ import lesson_start

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
STUDENTS = (*story.STUDENTS_WITH_INSTRUCTORS, *story.OTHER_STUDENTS)


def test_everybody_named_is_somebody() -> None:
    instructors = {person.key for person in story.INSTRUCTORS}
    students = {person.key for person in STUDENTS}

    pairs = [
        *((lesson.student, lesson.instructor) for lesson in story.LESSONS),
        *((talk.student, talk.instructor) for talk in story.TALKS),
        *story.ASSIGNED_BY_HAND,
    ]
    assert {student for student, _ in pairs} <= students
    assert {instructor for _, instructor in pairs} <= instructors


def test_nobody_is_in_two_lessons_at_once() -> None:
    for one, other in combinations(story.LESSONS, 2):
        if {one.student, one.instructor} & {other.student, other.instructor}:
            first, second = lesson_start(one, 0, NOW), lesson_start(other, 0, NOW)
            assert (
                first + timedelta(minutes=one.duration_minutes) <= second
                or second + timedelta(minutes=other.duration_minutes) <= first
            )


def test_a_lesson_keeps_its_wall_clock_time_across_daylight_saving() -> None:
    lesson = story.LESSONS[0]
    zone = ZoneInfo(story.TIME_ZONE)

    starts = [lesson_start(lesson, week, NOW).astimezone(UTC) for week in (0, 1)]

    assert [start.astimezone(zone).hour for start in starts] == [lesson.hour, lesson.hour]
    assert starts[1] - starts[0] == timedelta(days=7, hours=-1)


def test_somebody_signs_in_by_username_alone() -> None:
    assert any(person.email is None and person.username for person in STUDENTS)


def test_the_upload_names_instructors_by_their_addresses() -> None:
    known = {person.email for person in story.INSTRUCTORS}
    rows = list(csv.DictReader(io.StringIO(story.UPLOAD)))

    named = {email.strip() for row in rows for email in row["instructors"].split(";")}
    assert len(rows) == 3
    assert named <= known
