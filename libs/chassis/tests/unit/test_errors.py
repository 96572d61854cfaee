import pytest

from chassis import errors
from chassis.errors import FieldError, Invalid, ServiceError, Unavailable, from_wire
from chassis.rpc import wire


def kinds():
    """Every class of the tree, found by walking it."""
    waiting, found = [ServiceError], []
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if cls is not ServiceError and cls.__module__ == errors.__name__:
            found.append(cls)
    return found


def test_every_class_of_the_tree_is_a_kind():
    assert set(kinds()) == set(errors.KINDS.values())


@pytest.mark.parametrize("cls", kinds())
def test_every_kind_survives_the_wire_whole(cls):
    error = cls("a.code", "Détail.", errors=[FieldError("/a/0", "No.")], data={"ids": [1, None]})
    with pytest.raises(cls) as arrived:
        wire.decode_reply(wire.encode_error(error))
    assert type(arrived.value) is cls
    assert arrived.value.to_wire() == error.to_wire()


def test_a_subclass_arrives_as_its_kind():
    class TooLong(Invalid):
        pass

    assert type(from_wire(TooLong("a", "b").to_wire())) is Invalid


def test_a_kind_of_a_newer_service_is_unavailable():
    assert type(from_wire({"kind": "exhausted", "code": "a", "detail": "b"})) is Unavailable


def test_a_bug_says_nothing_of_its_insides():
    body = wire.encode_error(ZeroDivisionError("secret"))
    assert b"secret" not in body
    with pytest.raises(Unavailable, match="internal"):
        wire.decode_reply(body)


def test_an_error_of_a_plain_nameko_service_is_an_internal_one():
    body = b'{"result": null, "error": {"exc_type": "X", "value": "secret"}}'
    with pytest.raises(Unavailable, match="internal"):
        wire.decode_reply(body)


@pytest.mark.parametrize("value", [2**64, "\ud800", object(), {1, 2}])
def test_arguments_that_json_cannot_carry_are_refused(value):
    with pytest.raises(Invalid):
        wire.encode_request({"value": value})


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b'{"args": [], "kwargs": []}', b"\xff"]
)
def test_what_is_no_request_is_unreadable(body):
    with pytest.raises(wire.UnreadableRequest):
        wire.decode_request(body)


def test_arguments_travel_by_keyword():
    assert wire.decode_request(wire.encode_request({"a": 1})) == {"a": 1}
    with pytest.raises(Invalid):
        wire.decode_request(b'{"args": [1], "kwargs": {}}')
