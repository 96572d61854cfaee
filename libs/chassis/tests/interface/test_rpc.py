import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from amqp import Message
from kombu import Connection

from chassis import context
from chassis.context import CallContext
from chassis.errors import KINDS, FieldError, NotFound, Unavailable
from chassis.rpc import wire
from chassis.rpc.client import RpcClient
from chassis.testing import actor, keys, wait_until
from chassis.testing.servers import amqp_url


def send_raw(body, key="toy.say_who", **properties):
    with Connection(amqp_url()) as connection, connection.channel() as channel:
        channel.basic_publish_confirm(Message(body, **properties), wire.EXCHANGE, key)


def dead_bodies():
    """Takes the dead letters that are RPC requests."""
    with Connection(amqp_url()) as connection, connection.channel() as channel:
        channel.auto_decode = False
        bodies = []
        while (message := channel.basic_get("toy.dead-letters")) is not None:
            if "x-tandem-reason" in (message.headers or {}):
                channel.basic_ack(message.delivery_info["delivery_tag"])
                bodies.append(bytes(message.body))
        return bodies


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_error_reaches_the_caller(toy, kind):
    with pytest.raises(KINDS[kind]) as refused:
        toy.call("fail", kind=kind, code=f"toy.{kind}")
    error = refused.value
    assert (error.code, error.detail) == (f"toy.{kind}", "Because.")
    assert (error.errors, error.data) == ((FieldError("/kind", "x"),), {"more": [1]})


def test_a_bug_is_an_internal_error_that_says_nothing(toy):
    for method in ("break_down", "answer_nonsense"):
        with pytest.raises(Unavailable) as refused:
            toy.call(method)
        assert refused.value.code == "internal"
        assert "secret" not in str(refused.value.to_wire())
    assert "ZeroDivisionError" in toy.log()


def test_who_calls_and_for_whom_arrives(toy):
    person = actor("student", "admin")
    said = toy.call("say_who", actor=person)
    assert said["user_id"] == str(person.user_id)
    assert said["roles"] == ["admin", "student"]


def test_a_method_that_does_not_exist_is_not_found(toy):
    with pytest.raises(NotFound, match=r"rpc\.unknown_method"):
        toy.call("fly")


def test_a_service_is_asked_whether_it_lives_without_a_worker(toy):
    assert toy.call("ping") == "pong"


@pytest.mark.parametrize("arguments", [{}, {"label": 1, "colour": "red"}])
def test_arguments_that_do_not_fit_the_method_are_an_error_to_the_caller(toy, arguments):
    with pytest.raises(Exception, match=r"internal|request\.invalid"):
        toy.call("make_thing", actor=actor("admin"), **arguments)
    assert toy.call("ping") == "pong"


def test_a_caller_waits_no_longer_than_its_deadline(toy):
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"service\.timeout"):
        toy.call("wait", seconds=0.5, pause=2)
    assert time.monotonic() - started < 2


def test_a_request_that_nobody_waits_for_any_more_is_not_run(toy):
    organization = actor("admin")
    call = CallContext(deadline=time.time() - 1, actor=organization)
    headers = context.to_headers(call, uuid.uuid4(), keys.signer().sign)
    send_raw(wire.encode_request({"label": "late"}), "toy.make_thing", application_headers=headers)
    toy.call("make_thing", actor=organization, label="in time")
    statement = "SELECT label FROM things WHERE organization_id = %s"
    assert toy.sql(statement, (str(organization.organization_id),)) == [("in time",)]


@pytest.mark.parametrize(
    ("body", "properties"),
    [
        (b"no JSON", {}),
        (b"\xff\xfe", {"content_type": "application/x-python", "content_encoding": "latin-9"}),
        (b'{"args": [], "kwargs": 5}', {}),
        (b'{"args": [], "kwargs": {}}', {"application_headers": {"nameko.operation_id": "x"}}),
        (b'{"args": [], "kwargs": {}}', {"application_headers": {"nameko.operation_id": 5}}),
        (b'{"args": [], "kwargs": {}}', {"application_headers": {"nameko.deadline": "soon"}}),
    ],
)
def test_a_request_that_cannot_be_read_is_set_aside_and_the_service_lives(toy, body, properties):
    pid = toy.pid
    send_raw(body, **properties)
    wait_until(lambda: body in dead_bodies())
    assert toy.call("ping") == "pong"
    assert toy.pid == pid


def test_a_copy_of_a_request_to_another_service_is_not_run(toy):
    """Brokers before RabbitMQ 4.0.3 let a user address copies to services that it may not call."""
    person = actor("admin")
    call = CallContext(deadline=time.time() + 5, actor=person)
    headers = context.to_headers(call, None, keys.signer().sign)
    for way in ("CC", "BCC"):
        send_raw(
            wire.encode_request({"label": "smuggled"}),
            "third.make_thing",
            application_headers={**headers, way: ["toy.make_thing"]},
        )
    toy.call("make_thing", actor=person, label="in order")
    statement = "SELECT label FROM things WHERE organization_id = %s"
    assert toy.sql(statement, (str(person.organization_id),)) == [("in order",)]


def test_a_request_that_wants_no_reply_is_run(toy):
    person = actor("admin")
    call = CallContext(deadline=time.time() + 5, actor=person)
    headers = context.to_headers(call, None, keys.signer().sign)
    send_raw(wire.encode_request({"label": "quiet"}), "toy.make_thing", application_headers=headers)
    statement = "SELECT label FROM things WHERE organization_id = %s"
    wait_until(lambda: toy.sql(statement, (str(person.organization_id),)) == [("quiet",)])


def test_many_threads_share_one_client(toy):
    def ask(number):
        person = actor(f"role{number}")
        return toy.call("say_who", actor=person)["user_id"] == str(person.user_id)

    with ThreadPoolExecutor(24) as threads:
        assert all(threads.map(ask, range(240)))


def test_calls_in_flight_fail_at_once_when_the_broker_is_lost_and_later_ones_work(toy, gate):
    client = RpcClient(gate.url, name="cut")

    def ask(method, seconds, **arguments):
        with context.bound(CallContext(deadline=time.time() + seconds)):
            return client.call("toy", method, **arguments)

    def is_answered():
        try:
            return ask("ping", 2.0) == "pong"
        except Unavailable:
            return False

    assert is_answered()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ask, "wait", 10.0, pause=4)
        wait_until(lambda: client._pending)
        started = time.monotonic()
        gate.shut()
        with pytest.raises(Unavailable, match=r"broker\."):
            waiting.result(timeout=8)
        assert time.monotonic() - started < 3
    started = time.monotonic()
    assert not is_answered()
    assert time.monotonic() - started < 3
    gate.reopen()
    wait_until(is_answered, 15)
    client.close()
