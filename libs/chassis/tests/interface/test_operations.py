import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from chassis.errors import Conflict, Invalid
from chassis.testing import actor


@pytest.fixture
def person():
    return actor("admin")


def make(toy, person, operation_id, **arguments):
    return toy.call("make_thing", actor=person, operation_id=operation_id, **arguments)


def labels(toy, person):
    statement = "SELECT label FROM things WHERE organization_id = %s ORDER BY id"
    return [label for (label,) in toy.sql(statement, (str(person.organization_id),))]


def test_a_repeat_gets_the_first_result_and_changes_nothing(toy, person):
    operation_id = uuid.uuid4()
    first = make(toy, person, operation_id, label="one", event="rumour_spread")
    assert toy.last_replayed is False
    assert make(toy, person, operation_id, label="one", event="rumour_spread") == first
    assert toy.last_replayed is True
    assert labels(toy, person) == ["one"]


def test_the_same_id_with_other_arguments_is_refused(toy, person):
    operation_id = uuid.uuid4()
    make(toy, person, operation_id, label="one")
    with pytest.raises(Invalid, match=r"idempotency\.key_reused"):
        make(toy, person, operation_id, label="two")
    assert labels(toy, person) == ["one"]


def test_while_the_first_still_runs_a_repeat_is_told_so(toy, person):
    operation_id = uuid.uuid4()

    def attempt(_):
        try:
            return make(toy, person, operation_id, label="one", pause=0.5)["label"]
        except Conflict as conflict:
            return conflict.code

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(attempt, range(6)))
    assert answers.count("one") == 1
    assert answers.count("idempotency.in_progress") == 5
    assert labels(toy, person) == ["one"]


def test_without_an_id_every_call_is_one_of_its_own(toy, person):
    for _ in range(2):
        make(toy, person, None, label="one")
    assert labels(toy, person) == ["one", "one"]


def test_an_id_means_something_in_one_organization_only(toy, person):
    operation_id = uuid.uuid4()
    make(toy, person, operation_id, label="one")
    with pytest.raises(Exception):  # noqa: B017 - whatever it is, no result leaks
        make(toy, actor("admin"), operation_id, label="one")
    assert labels(toy, person) == ["one"]
