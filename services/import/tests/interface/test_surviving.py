"""An import goes on after whatever happens, and nothing is done or counted twice."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from chassis.errors import Forbidden, Unavailable
from chassis.events import Event
from chassis.testing import wait_until

HEADER = "role,first_name,last_name,email,instructors\n"


def file_of(rows: int) -> str:
    """Every twentieth person is an instructor, whom the nineteen after them have."""
    lines = [HEADER]
    for n in range(rows):
        if n % 20 == 0:
            lines.append(f"instructor,Ina{n},Inst,i{n}@x.org,\n")
        else:
            lines.append(f"student,Sam{n},Stud,s{n}@x.org,i{n - n % 20}@x.org\n")
    return "".join(lines)


def assert_done_once(organization: Any, finished: Any, rows: int) -> None:
    students = rows - (rows + 19) // 20
    assert finished["counts"] == {
        "rows": rows, "create": rows, "update": 0, "unchanged": 0, "assign": students, "unassign": 0,
        "invalid": 0,
    }  # fmt: skip
    assert len(organization.people) == rows
    assert len(organization.pairs) == students


class Gate:
    """Holds a fake's method up, or fails it, until it is opened."""

    def __init__(self, fake: Any, method: str) -> None:
        self._fake = fake
        self._method = method
        self._inner = fake.handlers[method]
        self.reached = threading.Event()
        self.error: Exception | None = None
        self.after: int = 0
        self.lose_answers = False
        fake.handlers[method] = self._handle

    def _handle(self, kwargs: Any, call: Any) -> Any:
        if kwargs.get("dry_run"):
            return self._inner(kwargs, call)
        self.after -= 1
        if self.after >= 0:
            return self._inner(kwargs, call)
        result = self._inner(kwargs, call) if self.lose_answers else None
        self.reached.set()
        if self.error is not None:
            raise self.error
        return result if self.lose_answers else self._inner(kwargs, call)

    def open(self) -> None:
        self._fake.handlers[self._method] = self._inner


@pytest.fixture
def upserts(identity: Any) -> Iterator[Gate]:
    gate = Gate(identity, "upsert_users")
    yield gate
    gate.open()


@pytest.fixture
def assigns(assignment: Any) -> Iterator[Gate]:
    gate = Gate(assignment, "assign_many")
    yield gate
    gate.open()


def test_killed_in_the_middle_of_a_chunk_it_goes_on_after_the_restart(
    organization: Any, upserts: Gate
) -> None:
    # identity does the third chunk, but its answer is lost, and the service is killed before it tries again
    upserts.after, upserts.lose_answers = 2, True
    upserts.error = Unavailable("service.timeout", "lost")
    import_id = organization.upload(file_of(2100), apply=True)
    assert upserts.reached.wait(20)
    organization.service.kill()
    assert len(organization.people) == 1500
    upserts.open()
    organization.service.start()
    finished = organization.wait(import_id, "finished", seconds=40)
    assert_done_once(organization, finished, 2100)


def test_killed_again_and_again_nothing_is_done_twice(organization: Any) -> None:
    import_id = organization.upload(file_of(3000), apply=True)
    for _ in range(3):
        before = progress_of(organization, import_id)
        wait_until(lambda: progress_of(organization, import_id) != before, 20)  # noqa: B023
        organization.service.kill()
        organization.service.start()
    finished = organization.wait(import_id, "finished", seconds=40)
    assert_done_once(organization, finished, 3000)
    assert finished["progress"] == {"done": 3000, "total": 3000}


def progress_of(organization: Any, import_id: str) -> Any:
    found = organization.call("get_import", import_id=import_id, seconds=20)
    return found["status"], found["progress"]["done"]


def test_a_neighbour_that_is_down_is_waited_for(
    organization: Any, upserts: Gate, assigns: Gate
) -> None:
    upserts.error = assigns.error = Unavailable("service.timeout", "down")
    import_id = organization.upload(file_of(40), apply=True)
    assert upserts.reached.wait(20)
    assert organization.call("get_import", import_id=import_id)["status"] == "applying"
    upserts.open()
    assert assigns.reached.wait(20)
    assert len(organization.people) == 40
    assert organization.pairs == set()
    assigns.open()
    assert_done_once(organization, organization.wait(import_id, "finished", seconds=30), 40)


def test_an_answer_that_was_lost_is_asked_for_again_and_counted_as_it_was(
    organization: Any, upserts: Gate, assigns: Gate
) -> None:
    for gate in (upserts, assigns):
        gate.lose_answers, gate.error = True, Unavailable("service.timeout", "lost")
    import_id = organization.upload(file_of(40), apply=True)
    assert upserts.reached.wait(20)
    upserts.open()
    assert assigns.reached.wait(20)
    assigns.open()
    assert_done_once(organization, organization.wait(import_id, "finished", seconds=30), 40)


def test_a_neighbours_refusal_ends_the_import_and_says_so(organization: Any, upserts: Gate) -> None:
    upserts.after, upserts.error = 1, Forbidden("access.admin_only", "Only an admin may do this.")
    import_id = organization.upload(file_of(1200), apply=True)
    failed = organization.wait(import_id, "failed")
    assert [error["code"] for error in failed["errors"]] == ["access.admin_only"]
    assert failed["counts"]["create"] == len(organization.people) == 500
    events = [e for e in organization.service.events("import_finished") if e.subject == import_id]
    assert [event.data["status"] for event in events] == ["failed"]


def test_a_neighbour_that_does_not_believe_us_for_a_while_is_waited_for(
    organization: Any, upserts: Gate
) -> None:
    """By a clock that is wrong, its own or ours, what we signed is not good yet, or not any more."""
    upserts.error = Forbidden("access.bad_actor", "It is not proven for whom this call acts.")
    import_id = organization.upload(file_of(20), apply=True)
    assert upserts.reached.wait(20)

    upserts.open()

    assert_done_once(organization, organization.wait(import_id, "finished"), 20)


def test_cancelled_half_way_it_stops_and_says_what_was_done(
    organization: Any, upserts: Gate
) -> None:
    upserts.after, upserts.error = 2, Unavailable("service.timeout", "slow")
    import_id = organization.upload(file_of(2000), apply=True)
    assert upserts.reached.wait(20)
    organization.call("cancel_import", import_id=import_id)
    upserts.open()
    cancelled = organization.call("get_import", import_id=import_id)
    assert cancelled["status"] == "cancelled"
    assert cancelled["counts"]["rows"] == 2000
    assert cancelled["counts"]["create"] == len(organization.people) == 1000
    assert cancelled["counts"]["assign"] == 0
    rows = organization.rows(import_id)
    assert [row["applied"] for row in rows] == [True] * 1000 + [False] * 1000
    lines = organization.report(import_id).splitlines()
    assert lines[1].endswith(",create,")
    assert lines[2000].endswith(",not applied,")


def test_a_chunk_under_way_while_it_is_cancelled_is_still_noted(
    organization: Any, identity: Any
) -> None:
    inner, reached, go = identity.handlers["upsert_users"], threading.Event(), threading.Event()

    def slow(kwargs: Any, call: Any) -> Any:
        result = inner(kwargs, call)
        if not kwargs["dry_run"]:
            reached.set()
            go.wait(10)
        return result

    identity.handlers["upsert_users"] = slow
    try:
        import_id = organization.upload(file_of(1000), apply=True)
        assert reached.wait(20)
        organization.call("cancel_import", import_id=import_id)
    finally:
        identity.handlers["upsert_users"] = inner
        go.set()

    def created() -> int:
        found = organization.call("get_import", import_id=import_id)
        assert found["status"] == "cancelled"
        return found["counts"]["create"]  # type: ignore[no-any-return]

    assert wait_until(created, 10) == len(organization.people) == 500


def test_a_step_delivered_twice_or_late_changes_nothing(organization: Any) -> None:
    finished = organization.finish(file_of(40))
    announced = [e for e in organization.service.events() if e.subject == finished["id"]]
    steps = [event for event in announced if event.name == "import_step_due"]
    strange = Event(
        id=uuid.uuid4(),
        source="import",
        name="import_step_due",
        time=steps[0].time,
        subject=finished["id"],
        organization_id=uuid.uuid4(),  # another organization's event names this import
        data=steps[0].data,
    )
    for event in [*steps, *reversed(steps), strange]:
        organization.service.publish_to_it(event)
    again = organization.finish(HEADER + "student,Z,Z,z@x.org,\n")  # queued behind them
    assert again["counts"]["create"] == 1
    assert organization.call("get_import", import_id=finished["id"]) == finished


def test_two_imports_at_once_do_not_disturb_each_other(
    organization: Any, other_organization: Any
) -> None:
    imports = [(o, o.upload(file_of(600), apply=True)) for o in (organization, other_organization)]
    for owner, import_id in imports:
        assert_done_once(owner, owner.wait(import_id, "finished", seconds=30), 600)


def test_twenty_thousand_rows_are_planned_and_applied_with_flat_memory(organization: Any) -> None:
    rows = 20_000
    started = time.monotonic()
    import_id = organization.upload(file_of(rows), apply=True)
    finished = organization.wait(import_id, "finished", seconds=110)
    took = time.monotonic() - started
    assert_done_once(organization, finished, rows)
    assert took < 100, "a quiet machine of two cores needs about 10 s"
    assert resident_megabytes(organization.service.pid) < 130


def resident_megabytes(pid: int) -> float:
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123
        (line,) = [line for line in status if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024
