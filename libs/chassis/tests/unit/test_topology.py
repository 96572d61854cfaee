"""Names and arguments on the bus are public: changing one here orphans a queue or is refused by the broker."""

from kombu import Exchange
from toy_service.events import CONTRACT

from chassis import topology
from chassis.events import Contract

DEAD = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000_000}
EVENTS = {
    "x-queue-type": "quorum",
    "x-delivery-limit": 20,
    "x-dead-letter-exchange": "toy.dead-letters",
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}


def retry(milliseconds):
    return {
        "x-queue-type": "quorum",
        "x-message-ttl": milliseconds,
        "x-dead-letter-exchange": "toy.retried",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def declared(kind):
    return [
        entity for entity in topology.entities(CONTRACT) if isinstance(entity, Exchange) is kind
    ]


def bindings_of(queue):
    """Exchange and key of each, the service's own first."""
    bindings = queue.bindings or [queue]
    found = [(each.exchange.name, each.routing_key) for each in bindings]
    return sorted(found, key=lambda pair: pair[0] != "toy.retried")


def test_queues_are_named_and_bound_like_this():
    found = {queue.name: (*bindings_of(queue), queue.queue_arguments) for queue in declared(False)}
    assert found == {
        "rpc-toy": (("nameko-rpc", "toy.*"), None),
        "toy.dead-letters": (("toy.dead-letters", ""), DEAD),
        "toy.retry-in.1s": (("toy.retry-in.1s", ""), retry(1_000)),
        "toy.retry-in.5s": (("toy.retry-in.5s", ""), retry(5_000)),
        "toy.retry-in.30s": (("toy.retry-in.30s", ""), retry(30_000)),
        **{
            name: (("toy.retried", name), (f"{source}.events", event), EVENTS)
            for name, source, event in (
                ("toy.on_toy_thing_made", "toy", "thing_made"),
                ("toy.on_other_thing_done", "other", "thing_done"),
                ("toy.on_other_thing_counted", "other", "thing_counted"),
            )
        },
    }
    assert all(queue.durable and not queue.auto_delete for queue in declared(False))


def test_exchanges_are_named_like_this():
    assert {(exchange.name, exchange.type) for exchange in declared(True)} == {
        ("toy.events", "topic"),
        ("nameko-rpc", "topic"),
    }
    assert topology.dead_letter_exchange("toy").type == "fanout"


def test_what_is_tried_again_comes_back_only_to_queues_of_its_own_service():
    assert topology.retried_exchange("toy").type == "direct"
    back = [bound for queue in declared(False) for bound in bindings_of(queue)]
    assert all(queue.startswith("toy.on_") for name, queue in back if name == "toy.retried")


def test_who_is_called_by_nobody_has_no_queue():
    found = list(topology.entities(Contract("gateway", calls=("toy",), hears=("toy",))))
    assert [(type(each), each.name) for each in found] == [
        (Exchange, "nameko-rpc"),
        (Exchange, "toy.events"),
    ]
