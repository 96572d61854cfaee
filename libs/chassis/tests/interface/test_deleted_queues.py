"""A queue is deleted under its consumer: the service says so, does the rest, and takes it up when it is back."""

import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime

import pytest
from kombu import Connection

from chassis import context, topology
from chassis.errors import Unavailable
from chassis.events import Event
from chassis.rpc.client import RpcClient
from chassis.testing import ServiceProcess, actor, keys, wait_until
from chassis.testing.servers import amqp_url

DONE = "toy.on_other_thing_done"
COUNTED = "toy.on_other_thing_counted"


def event(name, organization_id, number=1):
    return Event(
        id=uuid.uuid4(),
        source="other",
        name=name,
        time=datetime.now(UTC),
        subject="one",
        organization_id=organization_id,
        data={"number": number},
    )


def delete(queue):
    with Connection(amqp_url()) as connection, connection.channel() as channel:
        channel.queue_delete(queue)


@pytest.fixture
def toy(toy):
    """With all of its queues there again afterwards."""
    yield toy
    topology.declare(toy.contract, amqp_url())
    wait_until(lambda: toy.http("/readyz"), 20)


def failed_checks(toy: ServiceProcess) -> list[str]:
    port = toy._ports[0]
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()  # nosec B310 # an address of our own
    except urllib.error.HTTPError as error:
        found: list[str] = json.load(error)["failed"]
        return found
    return []


def arrivals(toy, organization_id):
    statement = "SELECT count(*) FROM arrivals WHERE organization_id = %s"
    return toy.sql(statement, (str(organization_id),))[0][0]


def says_missing(toy, queue):
    return f'tandem_queue_missing{{queue="{queue}"}} 1.0' in (toy.http("/metrics") or "")


def test_the_service_says_which_queue_is_gone_and_goes_on_with_the_others(toy, organization_id):
    delete(DONE)
    wait_until(lambda: failed_checks(toy) == ["queues"], 20)
    assert says_missing(toy, DONE)
    for number in range(5):
        toy.publish_to_it(event("thing_counted", organization_id, number))
    wait_until(lambda: arrivals(toy, organization_id) == 5, 20)
    answer = toy.call("make_thing", actor=actor(), operation_id=uuid.uuid4(), label="on")
    assert answer == {"label": "on"}
    assert (
        toy.log().count("bus.queue_missing") == 1
    )  # it neither spins nor breaks its connection off
    assert "Connection to broker lost" not in toy.log()


def test_it_consumes_again_by_itself_once_the_queue_was_declared_again(toy, organization_id):
    pid = toy.pid
    delete(DONE)
    wait_until(lambda: failed_checks(toy) == ["queues"], 20)
    topology.declare(toy.contract, amqp_url())
    toy.publish_to_it(event("thing_done", organization_id))
    wait_until(lambda: arrivals(toy, organization_id) == 1, 20)
    wait_until(lambda: failed_checks(toy) == [], 20)
    assert not says_missing(toy, DONE)
    assert toy.pid == pid


def test_requests_are_answered_again_once_their_queue_was_declared_again(toy):
    delete("rpc-toy")
    wait_until(lambda: failed_checks(toy) == ["queues"], 20)
    with pytest.raises(Unavailable):
        toy.call("say_who", actor=actor(), seconds=0.5)
    topology.declare(toy.contract, amqp_url())
    wait_until(lambda: failed_checks(toy) == [], 20)
    # The caller's own breaker may still be open.
    client = RpcClient(amqp_url(), name="test", signer=keys.signer())
    with context.bound(context.CallContext(deadline=time.time() + 5, actor=actor())):
        assert client.call("toy", "say_who")["roles"] == []
    client.close()


def test_what_is_at_work_when_its_queue_goes_is_finished_and_answered(toy):
    said = []
    worker = threading.Thread(target=lambda: said.append(toy.call("wait", actor=actor(), pause=2)))
    worker.start()
    toy.call("say_who", actor=actor())  # sent later, so the other one is at work
    delete("rpc-toy")
    worker.join(10)
    assert said == ["waited"]


def test_a_service_that_starts_without_one_of_its_queues_serves_the_rest(toy, organization_id):
    toy.stop()
    delete(DONE)
    toy._ports = [toy._ports[0]]
    toy._processes = [toy._spawn(toy._ports[0])]
    wait_until(lambda: failed_checks_or_down(toy) == ["queues"], 30)
    toy.publish_to_it(event("thing_counted", organization_id))
    wait_until(lambda: arrivals(toy, organization_id) == 1, 20)


def failed_checks_or_down(toy):
    try:
        return failed_checks(toy)
    except OSError:
        return ["down"]
