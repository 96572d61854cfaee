"""What crosses the bus, pinned: others' tests read the files beside this one."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from chassis.fields import load
from import_service import events
from import_service.domain import Status, Step, no_counts

HERE = Path(__file__).parent
IMPORT = uuid.UUID(int=1)
COUNTS = {
    "rows": 10,
    "create": 4,
    "update": 3,
    "unchanged": 2,
    "assign": 5,
    "unassign": 1,
    "invalid": 1,
}


def golden(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text())
    return data


@pytest.mark.parametrize(
    ("name", "status"),
    [("import_planned", Status.PLANNED), ("import_finished", Status.FINISHED)],
)
def test_what_is_told_of_an_import_is_what_the_file_says(name: str, status: Status) -> None:
    data = events.import_data(IMPORT, status.value, COUNTS)
    assert data == golden(name)
    load(events.ImportData, data)
    assert set(no_counts()) == set(COUNTS)


def test_a_due_step_is_what_the_file_says() -> None:
    assert events.step_data(IMPORT, Step.PLAN_PEOPLE, 262644) == golden("import_step_due")


def test_a_due_step_with_a_field_of_tomorrow_is_understood() -> None:
    due = load(events.StepDueData, {**golden("import_step_due"), "a_field_of_tomorrow": {"x": 1}})
    assert due == {"import_id": IMPORT, "step": Step.PLAN_PEOPLE, "chunk": 262644}


def test_the_names_on_the_bus_are_public() -> None:
    contract = events.CONTRACT
    assert contract.service == "import"
    assert {event.name: event.required for event in contract.publishes} == {
        "import_planned": False,
        "import_finished": True,
        "import_step_due": True,
    }
    assert [contract.queue_name(each) for each in contract.subscribes] == [
        "import.on_import_import_step_due",
        "import.on_identity_user_erased",
    ]
