"""What the audit log makes of others' golden messages, also when a newer producer adds fields."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chassis import audit
from chassis.errors import Invalid
from chassis.events import Event
from identity_service import audited, events

SERVICES = Path(__file__).parents[3]
ACTOR = uuid.UUID(int=7)
NOW = datetime(2030, 1, 1, tzinfo=UTC)
# Published by each service in the same form, so one file stands for all.
GOLDEN = dict.fromkeys(("booking", "messaging"), "identity")


def golden(source: str, name: str) -> dict[str, Any]:
    folder = GOLDEN.get(source, source)
    document = json.loads((SERVICES / folder / "tests" / "contract" / f"{name}.json").read_text())
    data: dict[str, Any] = document.get("data", document)
    return data


def with_fields_of_tomorrow(value: Any) -> Any:
    if isinstance(value, list):
        return [with_fields_of_tomorrow(item) for item in value]
    if isinstance(value, dict):
        known = {key: with_fields_of_tomorrow(item) for key, item in value.items()}
        return {**known, "a_field_of_tomorrow": {"x": 1}}
    return value


def event_of(source: str, name: str, data: dict[str, Any], **more: Any) -> Event:
    return Event(
        id=uuid.uuid4(),
        source=source,
        name=name,
        time=NOW,
        subject="one",
        organization_id=uuid.UUID(int=1),
        data=data,
        **{"actor_id": ACTOR, "address": "192.0.2.1", **more},
    )


@pytest.mark.parametrize(
    "each", audited.SUBSCRIPTIONS, ids=lambda each: f"{each.source}-{each.name}"
)
def test_every_event_that_is_recorded_is_understood(each: Any) -> None:
    data = golden(each.source, each.name)
    fact = audited.fact_of(event_of(each.source, each.name, data))
    later = {**with_fields_of_tomorrow(data)}
    if each.name == audit.EVENT:  # whose details are anybody's
        later["details"] = data["details"]
    if each.name == "import_finished":  # whose counts are numbers all
        later["counts"] = data["counts"]
    assert audited.fact_of(event_of(each.source, each.name, later)) == fact
    assert (fact.at, fact.address) == (NOW, "192.0.2.1")
    assert fact.targets


@pytest.mark.parametrize(
    ("source", "name", "action"),
    [
        ("assignment", "assignment_created", "assignment.created"),
        ("assignment", "assignment_ended", "assignment.ended"),
        ("identity", "user_created", "user.created"),
        ("identity", "user_archived", "user.archived"),
        ("identity", "user_restored", "user.restored"),
        ("import", "import_finished", "import.applied"),
        ("booking", "audit_recorded", "user.roles_changed"),
    ],
)
def test_actions_are_named_like_this(source: str, name: str, action: str) -> None:
    assert audited.fact_of(event_of(source, name, golden(source, name))).action == action


def test_pairs_are_named_with_how_they_were_assigned() -> None:
    data = golden("assignment", "assignment_created")
    fact = audited.fact_of(event_of("assignment", "assignment_created", data))
    pair = data["assignments"][0]
    assert fact.details["pairs"][0] == {
        "instructor_id": pair["instructor_id"],
        "student_id": pair["student_id"],
        "source": pair["source"],
    }
    assert str(fact.targets[0]) == pair["instructor_id"]


def test_who_assigned_is_known_also_when_the_envelope_names_nobody() -> None:
    data = golden("assignment", "assignment_ended")
    fact = audited.fact_of(event_of("assignment", "assignment_ended", data, actor_id=None))
    assert str(fact.actor_id) == data["assignments"][0]["ended_by"]


def test_a_service_knows_better_than_the_envelope_who_acted() -> None:
    data = golden("identity", "audit_recorded")
    fact = audited.fact_of(event_of("identity", "audit_recorded", data))
    assert str(fact.actor_id) == data["actor_id"]
    fact = audited.fact_of(event_of("identity", "audit_recorded", {**data, "actor_id": None}))
    assert fact.actor_id == ACTOR


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "Something Else"},
        {"action": ""},
        {"action": None},
        {"targets": ["nobody"]},
        {"targets": [str(uuid.UUID(int=1))] * 1001},
        {"details": []},
        {"details": {"half": 0.5}},
        {"details": {"large": 2**53}},
        {"details": {"text": "\0"}},
        {"details": {"schlüssel": 1}},
    ],
    ids=str,
)
def test_what_is_not_as_agreed_is_refused(wrong: dict[str, Any]) -> None:
    data = {**golden("identity", "audit_recorded"), **wrong}
    with pytest.raises(Invalid) as refused:
        audited.fact_of(event_of("identity", "audit_recorded", data))
    assert refused.value.errors[0].pointer.startswith("/" + next(iter(wrong)))


def test_queues_of_the_log_are_public() -> None:
    names = {events.CONTRACT.queue_name(each) for each in audited.SUBSCRIPTIONS}
    assert names == {
        "identity.on_identity_audit_recorded",
        "identity.on_booking_audit_recorded",
        "identity.on_messaging_audit_recorded",
        "identity.on_identity_user_created",
        "identity.on_identity_user_archived",
        "identity.on_identity_user_restored",
        "identity.on_assignment_assignment_created",
        "identity.on_assignment_assignment_ended",
        "identity.on_import_import_finished",
    }
