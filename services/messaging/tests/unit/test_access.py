import pytest

from chassis.errors import Forbidden, NotFound
from chassis.testing import actor
from messaging_service import access
from messaging_service.domain import Pair

INSTRUCTOR = actor("instructor")
STUDENT = actor("student", organization_id=INSTRUCTOR.organization_id)
PAIR = Pair(INSTRUCTOR.user_id, STUDENT.user_id)


@pytest.mark.parametrize("who", [INSTRUCTOR, STUDENT])
def test_the_pair_reads_unrecorded_and_takes_part(who):
    assert access.admit_reader(who, PAIR) is False
    assert access.admit_participant(who, PAIR) == PAIR


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_overseers_read_on_record_and_take_no_part(role):
    assert access.admit_reader(actor(role), PAIR) is True
    with pytest.raises(Forbidden):
        access.admit_participant(actor(role), PAIR)


@pytest.mark.parametrize("roles", [(), ("instructor",), ("student",), ("instructor", "student")])
@pytest.mark.parametrize("gate", [access.admit_reader, access.admit_participant])
def test_for_everyone_else_there_is_nothing(roles, gate):
    with pytest.raises(NotFound):
        gate(actor(*roles), PAIR)


@pytest.mark.parametrize("gate", [access.admit_reader, access.admit_participant])
def test_what_does_not_exist_does_not_exist_for_overseers_either(gate):
    with pytest.raises(NotFound):
        gate(actor("owner"), None)
