import dataclasses
import uuid

import pytest
from amqp import Message
from kombu import Connection
from toy_service.callers import thing_done

from chassis.testing import wait_until
from chassis.testing.servers import amqp_url


def numbers(toy, organization_id):
    statement = "SELECT number FROM arrivals WHERE organization_id = %s ORDER BY id"
    return [number for (number,) in toy.sql(statement, (str(organization_id),))]


def dead(reason):
    """How many dead letters of toy have this reason; takes them."""
    with Connection(amqp_url()) as connection, connection.channel() as channel:
        found = 0
        while (message := channel.basic_get("toy.dead-letters")) is not None:
            headers = message.headers
            if reason in str(headers):
                channel.basic_ack(message.delivery_info["delivery_tag"])
                found += 1
        return found


def put(queue, body, **properties):
    with Connection(amqp_url()) as connection, connection.channel() as channel:
        channel.basic_publish_confirm(Message(body, **properties), "", queue)


def test_a_duplicate_is_applied_once(toy, organization_id):
    event = thing_done(organization_id)
    for _ in range(5):
        toy.publish_to_it(event)
    toy.publish_to_it(thing_done(organization_id, number=2))
    wait_until(lambda: 2 in numbers(toy, organization_id))
    assert sorted(numbers(toy, organization_id)) == [1, 2]


def test_a_handler_that_fails_is_tried_again_and_holds_nobody_up(toy, organization_id):
    toy.publish_to_it(thing_done(organization_id, number=1, fails=1))
    toy.publish_to_it(thing_done(organization_id, number=2))
    wait_until(lambda: numbers(toy, organization_id) == [2, 1], 10)


def test_after_a_long_outage_an_event_that_fails_is_tried_again_all_the_same(toy, organization_id):
    event = thing_done(organization_id, number=1, breaks=1)
    noted = {"x-tandem-attempts": 20, "x-tandem-failures": 0}
    body = event.encode()
    put(
        "toy.on_other_thing_done",
        body,
        content_type="application/cloudevents+json",
        application_headers=noted,
    )
    wait_until(lambda: numbers(toy, organization_id) == [1], 10)


@pytest.mark.parametrize("body", [b"", b"no JSON", b"{}", b"\xff\xfe", b"[1]"])
def test_what_cannot_be_read_is_set_aside_at_once(toy, organization_id, body):
    put("toy.on_other_thing_done", body, content_type="application/x-strange")
    wait_until(lambda: dead("not a CloudEvent"), 10)
    toy.publish_to_it(thing_done(organization_id))
    wait_until(lambda: numbers(toy, organization_id) == [1])


def test_an_event_published_while_nobody_runs_is_applied_later(toy, organization_id):
    toy.stop()
    toy.publish_to_it(thing_done(organization_id))
    toy.start()
    wait_until(lambda: numbers(toy, organization_id) == [1])


def test_a_kill_loses_nothing_and_applies_nothing_twice(toy, organization_id):
    events = [thing_done(organization_id, number=number) for number in range(100)]
    for event in events[:60]:
        toy.publish_to_it(event)
    toy.kill()
    for event in events[60:]:
        toy.publish_to_it(event)
    toy.start()
    wait_until(lambda: len(numbers(toy, organization_id)) >= 100, 90)
    assert sorted(numbers(toy, organization_id)) == list(range(100))


def test_the_same_event_for_two_organizations_is_a_matter_of_its_id(toy, organization_id):
    event = thing_done(organization_id)
    twin = dataclasses.replace(event, id=uuid.uuid4(), organization_id=uuid.uuid4())
    for each in (event, twin):
        toy.publish_to_it(each)
    wait_until(lambda: numbers(toy, organization_id) and numbers(toy, twin.organization_id))
