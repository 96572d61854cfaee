"""What the broker lets a service's own user do. Needs `RABBITMQCTL`, the command that administers the test's broker."""

import os
import secrets
import time
import uuid
from datetime import UTC, datetime

import pytest
from amqp import Message
from amqp.exceptions import AccessRefused
from kombu import Connection
from toy_service.events import CONTRACT, Thing

from chassis import broker_users, context, topology
from chassis.addresses import ServerUrl
from chassis.broker_users import BrokerUser
from chassis.confirmed import ConfirmedPublisher, Outcome, Outgoing
from chassis.context import CallContext
from chassis.errors import Unavailable
from chassis.events import Contract, Event, Published, Subscription
from chassis.rpc.client import RpcClient
from chassis.testing import actor, wait_until
from chassis.testing.servers import amqp_url, rabbitmqctl

OTHER = Contract("other", publishes=(Published("thing_done", Thing, ""),), calls=("toy",))


def as_user(name, password):
    return str(ServerUrl.read(amqp_url()).with_login(name, password))


@pytest.fixture(scope="module")
def users():
    """Addresses for toy and other, each as a user of its own."""
    if not os.environ.get("RABBITMQCTL"):
        pytest.skip("RABBITMQCTL is not set: this broker can't be administered (bin/test sets it)")
    prefix = f"t{secrets.token_hex(3)}-"
    found = {
        contract: as_user(prefix + contract.service, secrets.token_hex(8))
        for contract in (CONTRACT, OTHER)
    }
    wanted = [(BrokerUser.of(url), contract) for contract, url in found.items()]
    rabbitmqctl().import_definitions(broker_users.definitions(wanted))
    yield {contract.service: url for contract, url in found.items()}
    for user, _ in wanted:
        rabbitmqctl().run("delete_user", user.name)


@pytest.fixture(scope="module")
def toy(toy, users):
    """The toy service as its own user."""
    toy.stop()
    toy.settings["AMQP_URL"] = users["toy"]
    toy.start()
    yield toy
    toy.stop()
    del toy.settings["AMQP_URL"]
    toy.start()


@pytest.fixture
def channel(users):
    """As the user of other, who is up to no good."""
    with Connection(users["other"]) as connection, connection.channel() as channel:
        channel.confirm_select()
        yield channel


def published(channel, exchange, key, **headers):
    """Publishes and waits until the broker has said what it thinks of it."""
    channel.basic_publish_confirm(Message(b"{}", application_headers=headers), exchange, key)


FORBIDDEN = {
    "consume its requests": lambda c: c.basic_consume("rpc-toy"),
    "consume its events": lambda c: c.basic_consume("toy.on_toy_thing_made"),
    "take one of its events": lambda c: c.basic_get("toy.on_toy_thing_made"),
    "look at its dead letters": lambda c: c.basic_get("toy.dead-letters"),
    "empty its queue": lambda c: c.queue_purge("rpc-toy"),
    "delete its queue": lambda c: c.queue_delete("toy.on_toy_thing_made"),
    "delete its exchange": lambda c: c.exchange_delete("toy.events"),
    "delete its own queue of requests": lambda c: c.queue_delete("rpc-other"),
    "publish its events": lambda c: published(c, "toy.events", "thing_made"),
    "publish into any queue": lambda c: published(c, "", "toy.on_toy_thing_made"),
    "set something aside in its name": lambda c: published(c, "toy.dead-letters", ""),
    "call whom it does not call": lambda c: published(c, "nameko-rpc", "identity.archive_user"),
    "hear its events": lambda c: heard(c, "toy.events", "thing_made"),
    "hear everybody's requests": lambda c: heard(c, "nameko-rpc", "#"),
    "hear its requests": lambda c: heard(c, "nameko-rpc", "toy.*"),
    "declare a queue": lambda c: c.queue_declare("mine"),
    "declare an exchange": lambda c: c.exchange_declare("mine", "topic"),
    "declare another's reply queue": lambda c: c.queue_declare(f"rpc.reply-toy-{uuid.uuid4().hex}"),
}


def heard(channel, exchange, key):
    """Binds a queue of its own."""
    queue = f"rpc.reply-other-{uuid.uuid4().hex}"
    channel.queue_declare(queue, arguments={"x-expires": 5_000})
    channel.queue_bind(queue, exchange, key)


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_another_services_user_may_not(toy, channel, deed):
    with pytest.raises(AccessRefused):
        FORBIDDEN[deed](channel)


def test_nothing_gets_into_anothers_queue_by_way_of_ones_own_delays(toy, users):
    """The exchanges of other's delays are declared as its preparation does."""
    contract = Contract("other", subscribes=(Subscription("toy", "thing_made"),))
    topology.declare(contract, amqp_url())
    organization = uuid.uuid4()
    forged = Event(
        uuid.uuid4(), "other", "thing_done", datetime.now(UTC), "one", organization, {"number": 1}
    )
    own = "other.on_toy_thing_made"
    with Connection(amqp_url()) as connection, connection.channel() as channel:
        channel.queue_purge(own)
        publisher = ConfirmedPublisher(users["other"])
        for queue in ("toy.on_other_thing_done", own):
            outgoing = Outgoing("other.retry-in.1s", queue, forged.encode(), queue, "x")
            publisher.publish_all([outgoing])
            assert outgoing.outcome is Outcome.CONFIRMED
        publisher.close()
        # What was published after it has come back, so the forged one has gone its way, too.
        wait_until(lambda: channel.basic_get(own, no_ack=True), 20)
    assert not toy.sql("SELECT 1 FROM arrivals WHERE event_id = %s", (str(forged.id),))
    topology.delete_queues(contract, amqp_url())


def test_a_service_does_all_its_work_as_its_own_user(toy, users):
    person = actor("admin")
    toy.call("make_thing", actor=person, label="one", event="thing_made", subject=str(uuid.uuid4()))
    statement = "SELECT number FROM arrivals WHERE organization_id = %s"
    own = (str(person.organization_id),)
    wait_until(lambda: toy.sql(statement, own), 20)
    event = Event(
        uuid.uuid4(), "other", "thing_done", datetime.now(UTC), "two", person.organization_id,
        {"number": 7, "fails": 1},
    )  # fmt: skip
    publisher = ConfirmedPublisher(users["other"])
    outgoing = Outgoing("other.events", event.name, event.encode(), str(event.id), "x")
    publisher.publish_all([outgoing])
    publisher.close()
    assert outgoing.outcome is Outcome.CONFIRMED
    wait_until(lambda: (7,) in toy.sql(statement, own), 20)


def test_a_service_calls_and_answers_as_its_own_user(toy, users):
    client = RpcClient(users["other"], name="other")
    try:
        with context.bound(CallContext(deadline=time.time() + 10)):
            assert client.call("toy", "say_who")["user_id"] is None
    finally:
        client.close()


def test_a_call_that_the_broker_refuses_is_an_error_for_the_caller_alone(toy, users):
    client = RpcClient(users["other"], name="other")
    try:
        with context.bound(CallContext(deadline=time.time() + 2)), pytest.raises(Unavailable):
            client.call("third", "do")
        with context.bound(CallContext(deadline=time.time() + 10)):
            assert client.call("toy", "ping") == "pong"
    finally:
        client.close()
