import uuid

import pytest
from amqp.exceptions import NotFound

from chassis import confirmed
from chassis.confirmed import ConfirmedPublisher, Outcome, Outgoing
from chassis.connections import RECOVERABLE, opened
from chassis.testing.servers import amqp_url


@pytest.fixture(autouse=True)
def _topology(still):
    """The queues that these messages go to."""


def message(routing_key="thing_made", exchange="toy.events", **more):
    return Outgoing(
        exchange=exchange,
        routing_key=routing_key,
        body="not for reading",
        message_id=str(uuid.uuid4()),
        content_type="text/plain",
        **more,
    )


def outcomes(batch):
    return [outgoing.outcome for outgoing in batch]


def test_a_routed_message_is_confirmed(publisher):
    batch = [message() for _ in range(300)]
    publisher.publish_all(batch)
    assert set(outcomes(batch)) == {Outcome.CONFIRMED}


def test_a_message_that_nobody_gets_is_unroutable_and_the_others_are_confirmed(publisher):
    batch = [message(), message("thing_lost"), message(), message("rumour_spread", mandatory=False)]
    publisher.publish_all(batch)
    assert outcomes(batch) == [
        Outcome.CONFIRMED,
        Outcome.UNROUTABLE,
        Outcome.CONFIRMED,
        Outcome.CONFIRMED,
    ]


def test_an_exchange_that_does_not_exist_is_an_error_and_not_a_confirm(publisher):
    lost = message(exchange="nowhere")
    with pytest.raises(NotFound):
        publisher.publish_all([lost])
    assert lost.outcome is Outcome.UNKNOWN
    after = message()
    publisher.publish_all([after])
    assert after.outcome is Outcome.CONFIRMED


@pytest.fixture
def full():
    """The name of a queue that takes one message and refuses the others."""
    name = f"full-{uuid.uuid4()}"
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    with opened(amqp_url()) as connection, connection.channel() as channel:
        channel.queue_declare(name, auto_delete=False, arguments=arguments)
        yield name
        channel.queue_delete(name)


def test_what_a_queue_refuses_is_tried_again_on_a_new_channel(monkeypatch, publisher, full):
    """One that was opened while a quorum queue had no leader would refuse until the dead node is back."""
    connections = []
    monkeypatch.setattr(confirmed, "opened", lambda url: connections.append(url) or opened(url))
    batch = [message(full, exchange="") for _ in range(5)] + [message()]
    publisher.publish_all(batch)
    assert Outcome.REFUSED in outcomes(batch)
    assert batch[-1].outcome is Outcome.CONFIRMED
    for _ in range(2):
        after = message()
        publisher.publish_all([after])
        assert after.outcome is Outcome.CONFIRMED
    assert len(connections) == 2


def test_without_a_broker_it_fails_soon_and_works_again_later(gate):
    publisher = ConfirmedPublisher(gate.url, confirm_seconds=2)
    first, during, after = message(), message(), message()
    publisher.publish_all([first])
    gate.shut()
    with pytest.raises(RECOVERABLE):
        publisher.publish_all([during])
    assert during.outcome is not Outcome.CONFIRMED
    gate.reopen()
    publisher.publish_all([after])
    assert outcomes([first, after]) == [Outcome.CONFIRMED] * 2
    publisher.close()


def test_an_address_where_nobody_listens_is_an_error():
    publisher = ConfirmedPublisher("amqp://nobody:nothing@127.0.0.1:1//")
    with pytest.raises(RECOVERABLE):
        publisher.publish_all([message()])
