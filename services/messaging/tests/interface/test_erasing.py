"""Forgetting a person whom identity erased, and handing out what is held about one."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.context import Actor
from chassis.errors import Forbidden, Invalid
from chassis.events import Event
from chassis.testing import ServiceProcess, actor, wait_until

from .conftest import Assignment, Talk

ERASED = "[erased]"


def erased_event(person: Actor, **more: Any) -> Event:
    participant = {
        "id": str(person.user_id),
        "roles": sorted(person.roles),
        "status": "archived",
        "time_zone": "Europe/Berlin",
        "version": 9,
    }
    return Event(
        id=uuid.uuid4(),
        source="identity",
        name="user_erased",
        time=datetime.now(UTC),
        subject=str(person.user_id),
        organization_id=person.organization_id,
        data={"users": [participant], **more},
    )


def erase(talk: Talk, person: Actor) -> Event:
    event = erased_event(person)
    talk.tell(event)
    return event


def owner_of(talk: Talk) -> Actor:
    return talk.anybody("owner")


def test_what_an_erased_person_wrote_is_gone_and_the_conversation_stays(talk: Talk) -> None:
    talk.send(talk.instructor, "Good morning")
    first = talk.send(talk.student, "My secret is 4711")
    talk.send(talk.instructor, "I see")
    talk.send(talk.student, "Another secret")
    erase(talk, talk.student)
    assert talk.bodies(talk.instructor) == [ERASED, "I see", ERASED, "Good morning"]
    page = talk.service.call("list_messages", actor=talk.instructor, conversation_id=talk.id)
    assert page["items"][2]["id"] == first["id"]
    assert {item["sender_id"] for item in page["items"][::2]} == {str(talk.student.user_id)}
    seen = talk.seen_by(talk.instructor)
    assert (seen["status"], seen["last_message"]["body"]) == ("closed", ERASED)
    assert (seen["student_id"], seen["unread_count"]) == (str(talk.student.user_id), 2)


def test_nothing_in_the_database_holds_what_an_erased_person_wrote(talk: Talk) -> None:
    word = f"word{uuid.uuid4().hex}"
    talk.send(talk.student, f"I said {word}.")
    operation_id = uuid.uuid4()
    opened = talk.service.call(
        "open_conversation",
        actor=talk.instructor,
        operation_id=operation_id,
        participant_id=talk.student.user_id,
    )
    assert word in opened["conversation"]["last_message"]["body"]
    assert tables_with(talk.service, word) == {"messages", "operations"}
    erase(talk, talk.student)
    assert tables_with(talk.service, word) == set()
    again = talk.service.call(
        "open_conversation",
        actor=talk.instructor,
        operation_id=operation_id,
        participant_id=talk.student.user_id,
    )
    assert talk.service.last_replayed
    assert again["conversation"]["last_message"]["body"] == ERASED


def tables_with(service: ServiceProcess, word: str) -> set[str]:
    names = service.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    statement = 'SELECT EXISTS (SELECT FROM "{}" AS row WHERE strpos(row::text, %s) > 0)'
    return {name for (name,) in names if service.sql(statement.format(name), (word,))[0][0]}


def test_what_others_wrote_stays(talk: Talk, assignment: Assignment) -> None:
    other = actor("student", organization_id=talk.instructor.organization_id)
    assignment_id = assignment.assign(talk.instructor, other)
    second = Talk(talk.service, assignment, talk.instructor, other, assignment_id)
    second.open()
    second.send(other, "Mine")
    talk.send(talk.student, "Theirs")
    erase(talk, talk.student)
    assert second.bodies(other) == ["Mine"]
    assert second.seen_by(other)["status"] == "open"
    second.send(talk.instructor, "Still here")


def test_nobody_writes_to_or_opens_a_conversation_with_an_erased_person(talk: Talk) -> None:
    erase(talk, talk.student)
    for sender in (talk.instructor, talk.student):
        with pytest.raises(Forbidden, match=r"assignment\.pair_not_assigned"):
            talk.send(sender)
    with pytest.raises(Forbidden, match=r"assignment\.pair_not_assigned"):
        talk.open()


def test_a_person_erased_before_their_first_conversation_gets_none(pair: Talk) -> None:
    erase(pair, pair.student)
    with pytest.raises(Forbidden, match=r"assignment\.pair_not_assigned"):
        pair.open()


def test_late_events_of_an_assignment_open_nothing_again(talk: Talk) -> None:
    erase(talk, talk.student)
    talk.tell(talk.event("assignment_created", uuid.uuid4(), datetime.now(UTC)))
    assert talk.seen_by(talk.instructor)["status"] == "closed"


def test_an_erasure_told_twice_or_anew_does_no_harm(talk: Talk) -> None:
    talk.send(talk.student, "Something")
    event = erase(talk, talk.student)
    talk.service.publish_to_it(event)
    erase(talk, talk.student)
    assert talk.bodies(talk.instructor) == [ERASED]


def test_an_unknown_field_of_an_erasure_is_ignored(talk: Talk) -> None:
    talk.send(talk.student, "Something")
    talk.tell(erased_event(talk.student, why="asked for it"))
    assert talk.bodies(talk.instructor) == [ERASED]


def test_an_erasure_touches_no_other_organization(talk: Talk) -> None:
    talk.send(talk.student, "Something")
    namesake = actor("student", user_id=talk.student.user_id)
    talk.tell(erased_event(namesake))
    assert talk.bodies(talk.instructor) == ["Something"]


def test_messages_that_race_an_erasure_are_erased_or_refused(talk: Talk) -> None:
    talk.send(talk.student, "First")
    refused = threading.Event()

    def keep_sending() -> None:
        while not refused.is_set():
            try:
                talk.send(talk.student, "Racing")
            except Forbidden:
                refused.set()

    threads = [threading.Thread(target=keep_sending) for _ in range(4)]
    for thread in threads:
        thread.start()
    erase(talk, talk.student)
    for thread in threads:
        thread.join(20)
    assert refused.is_set()
    assert {body for (body,) in talk.rows("DISTINCT body", "messages")} == {ERASED}


def test_owners_learn_whether_it_is_done(talk: Talk) -> None:
    ask = {"actor": owner_of(talk), "user_id": talk.student.user_id}
    assert talk.service.call("erasure", **ask) == {"erased_at": None}
    erase(talk, talk.student)
    assert talk.service.call("erasure", **ask)["erased_at"]
    with pytest.raises(Forbidden, match=r"access\.owner_only"):
        talk.service.call("erasure", actor=talk.anybody("admin"), user_id=talk.student.user_id)


def exported(talk: Talk, person: Actor, by: Actor | None = None) -> dict[str, list[Any]]:
    files: dict[str, list[Any]] = {}
    cursor = None
    while True:
        page = talk.service.call(
            "export_person", actor=by or person, user_id=person.user_id, cursor=cursor
        )
        assert len(page["items"]) <= 200
        files.setdefault(page["file"], []).extend(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return files


def test_an_export_holds_both_sides_of_a_persons_conversations(talk: Talk) -> None:
    talk.send(talk.student, "Question")
    talk.send(talk.instructor, "Answer")
    files = exported(talk, talk.student)
    [conversation] = files["conversations"]
    assert (conversation["id"], conversation["messages"]) == (talk.id, 2)
    said = [(m["number"], m["direction"], m["body"]) for m in files["messages"]]
    assert said == [(1, "sent", "Question"), (2, "received", "Answer")]
    directions = [m["direction"] for m in exported(talk, talk.instructor)["messages"]]
    assert directions == ["received", "sent"]
    assert exported(talk, talk.student, by=owner_of(talk)) == files


def test_an_export_of_many_messages_is_complete_and_in_order(
    talk: Talk, assignment: Assignment
) -> None:
    talks = [talk]
    for _ in range(2):
        other = actor("student", organization_id=talk.instructor.organization_id)
        made = Talk(
            talk.service,
            assignment,
            talk.instructor,
            other,
            assignment.assign(talk.instructor, other),
        )
        made.open()
        talks.append(made)
    for count, one in zip((450, 0, 200), talks, strict=True):
        fill(one, count)
    found = exported(talk, talk.instructor)["messages"]
    assert len(found) == 650
    keys = [(m["conversation_id"], m["number"]) for m in found]
    assert keys == sorted(set(keys))
    assert len(exported(talk, talk.student)["messages"]) == 450


def fill(talk: Talk, count: int) -> None:
    """As if they had talked for years."""
    talk.service.sql(
        """
        INSERT INTO messages (organization_id, id, conversation_id, sequence, sender_id, body, sent_at)
        SELECT organization_id, gen_random_uuid(), id, number, student_id, 'Number ' || number, now()
          FROM conversations, generate_series(1, %s) AS number WHERE id = %s
        RETURNING 1
        """,
        (count, talk.id),
    )


def test_an_administrators_export_says_what_they_oversaw(talk: Talk) -> None:
    admin = talk.anybody("admin")
    talk.send(talk.student, "Question")
    talk.bodies(admin)
    files = exported(talk, admin)
    assert files["messages"] == []
    assert [seen["conversation_id"] for seen in files["conversations_overseen"]] == [talk.id]


@pytest.mark.parametrize("role", ["admin", "instructor", "student"])
def test_only_owners_export_others(talk: Talk, role: str) -> None:
    with pytest.raises(Forbidden, match=r"access\.owner_only"):
        exported(talk, talk.student, by=talk.anybody(role))


@pytest.mark.parametrize("cursor", ["", "x", "WzEwLG51bGxd", "WzEsWyJ4IiwxXV0", "WzEsWzFdXQ"])
def test_a_broken_cursor_of_an_export_is_named(talk: Talk, cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        talk.service.call(
            "export_person", actor=talk.student, user_id=talk.student.user_id, cursor=cursor
        )
    assert [e.pointer for e in refused.value.errors] == ["/cursor"]


def test_the_erasure_waits_in_the_queue_of_a_service_that_is_down(talk: Talk) -> None:
    talk.send(talk.student, "Something")
    talk.service.stop()
    talk.service.publish_to_it(erased_event(talk.student))
    talk.service.start()
    wait_until(lambda: talk.bodies(talk.instructor) == [ERASED])
