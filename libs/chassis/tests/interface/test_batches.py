import dataclasses
import uuid
from datetime import UTC, datetime

from kombu import Connection

from chassis.confirmed import Outcome, Outgoing
from chassis.events import CONTENT_TYPE, Event
from chassis.testing import wait_until
from chassis.testing.servers import amqp_url

QUEUE = "toy.on_other_thing_counted"


def counted(organization_id, number, **data):
    return Event(
        id=uuid.uuid4(),
        source="other",
        name="thing_counted",
        time=datetime.now(UTC),
        subject="one",
        organization_id=organization_id,
        data={"number": number, **data},
    )


def arrived(toy, organization_id):
    statement = "SELECT number, subject FROM arrivals WHERE organization_id = %s ORDER BY id"
    return [tuple(row) for row in toy.sql(statement, (str(organization_id),))]


def numbers(toy, organization_id):
    return [number for number, _ in arrived(toy, organization_id)]


def put_all(publisher, events):
    """Confirmed, as a relay does it: what is not may be lost with the channel."""
    batch = [Outgoing("", QUEUE, event.encode(), str(event.id), CONTENT_TYPE) for event in events]
    publisher.publish_all(batch)
    assert {outgoing.outcome for outgoing in batch} == {Outcome.CONFIRMED}


def waiting_in(queue):
    with Connection(amqp_url()) as connection, connection.channel() as channel:
        return channel.queue_declare(queue, passive=True).message_count


def test_what_waits_is_applied_together_in_order_and_at_most_as_much_as_is_prefetched(
    toy, publisher, organization_id
):
    toy.stop()
    put_all(publisher, [counted(organization_id, number) for number in range(100)])
    toy.start()
    wait_until(lambda: len(numbers(toy, organization_id)) == 100, 20)
    sizes = {subject for _, subject in arrived(toy, organization_id)}
    assert numbers(toy, organization_id) == list(range(100))
    assert "batch of 40" in sizes
    assert max(int(size.split()[-1]) for size in sizes) == 40


def test_a_duplicate_in_a_batch_or_after_it_is_applied_once(toy, publisher, organization_id):
    event = counted(organization_id, 1)
    put_all(publisher, [event, counted(organization_id, 2), event])
    wait_until(lambda: sorted(numbers(toy, organization_id)) == [1, 2])
    put_all(publisher, [event, counted(organization_id, 3)])
    wait_until(lambda: 3 in numbers(toy, organization_id))
    assert sorted(numbers(toy, organization_id)) == [1, 2, 3]


def test_organizations_share_a_batch_but_no_transaction(toy, publisher, organization_id):
    event = counted(organization_id, 1)
    twin = dataclasses.replace(event, id=uuid.uuid4(), organization_id=uuid.uuid4())
    put_all(publisher, [event, twin])
    wait_until(lambda: numbers(toy, organization_id) and numbers(toy, twin.organization_id))


def test_an_event_that_fails_does_not_hold_up_those_that_came_with_it(
    toy, publisher, organization_id
):
    events = [counted(organization_id, number) for number in range(5)]
    bad = counted(organization_id, 9, fails=True)
    put_all(publisher, [*events[:3], bad, *events[3:]])
    wait_until(lambda: sorted(numbers(toy, organization_id)) == list(range(5)), 10)
    wait_until(lambda: waiting_in("toy.retry-in.1s") or waiting_in("toy.retry-in.5s"), 10)
    assert 9 not in numbers(toy, organization_id)


def test_a_kill_in_the_middle_loses_nothing_and_applies_nothing_twice(
    toy, publisher, organization_id
):
    put_all(publisher, [counted(organization_id, number) for number in range(300)])
    wait_until(lambda: numbers(toy, organization_id), 10)
    toy.kill()
    toy.start()
    wait_until(lambda: len(numbers(toy, organization_id)) >= 300, 90)
    assert sorted(numbers(toy, organization_id)) == list(range(300))
