import dataclasses
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from chassis.testing import actor


@pytest.fixture
def now():
    return datetime.now(UTC)


def status(talk):
    return talk.seen_by(talk.instructor)["status"]


def test_a_conversation_closes_when_its_assignment_ends_and_opens_with_the_next(talk, now):
    talk.tell(talk.event("assignment_ended", talk.assignment_id, now))
    assert status(talk) == "closed"
    talk.tell(talk.event("assignment_created", uuid.uuid4(), now + timedelta(seconds=1)))
    assert status(talk) == "open"


def test_the_end_of_its_own_assignment_counts_though_the_other_clock_is_behind(talk, now):
    talk.tell(talk.event("assignment_ended", talk.assignment_id, now - timedelta(minutes=1)))
    assert status(talk) == "closed"


def test_a_late_end_of_an_earlier_assignment_closes_nothing(talk, now):
    talk.tell(talk.event("assignment_ended", uuid.uuid4(), now - timedelta(days=1)))
    assert status(talk) == "open"


def test_an_end_that_overtakes_its_beginning_wins(talk, now):
    later = uuid.uuid4()
    talk.tell(talk.event("assignment_ended", talk.assignment_id, now))
    talk.tell(talk.event("assignment_ended", later, now + timedelta(seconds=2)))
    talk.tell(talk.event("assignment_created", later, now + timedelta(seconds=1)))
    assert status(talk) == "closed"


def test_a_duplicate_changes_nothing(service, talk, now):
    ended = talk.event("assignment_ended", talk.assignment_id, now)
    talk.tell(ended)
    talk.tell(talk.event("assignment_created", uuid.uuid4(), now + timedelta(seconds=1)))
    service.publish_to_it(ended)
    copy = dataclasses.replace(ended, id=uuid.uuid4())
    talk.tell(copy)
    assert status(talk) == "open"


def test_opening_again_with_a_new_assignment_does_not_wait_for_its_event(talk, now):
    talk.tell(talk.event("assignment_ended", talk.assignment_id, now))
    talk.assignment.assign(talk.instructor, talk.student)
    assert talk.open()["conversation"]["status"] == "open"


def test_events_of_another_organization_change_nothing(talk, now):
    ended = talk.event("assignment_ended", talk.assignment_id, now)
    talk.tell(dataclasses.replace(ended, organization_id=actor().organization_id))
    assert status(talk) == "open"


def test_pairs_without_a_conversation_are_passed_over_and_new_fields_ignored(talk, now):
    ended = talk.event("assignment_ended", talk.assignment_id, now, mood="sunny")
    other = {**ended.data["assignments"][0], "student_id": str(uuid.uuid4())}
    data = {"assignments": [other, *ended.data["assignments"]], "future_sessions": "keep", "x": 1}
    talk.tell(dataclasses.replace(ended, data=data))
    assert status(talk) == "closed"
