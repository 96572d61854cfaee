"""Names and arguments on the bus are public: changing one here orphans a queue or is refused by the broker."""

from kombu import Exchange
from toy_service.events import CONTRACT

from chassis import topology

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
        "x-dead-letter-exchange": "",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def declared(kind):
    return [
        entity for entity in topology.entities(CONTRACT) if isinstance(entity, Exchange) is kind
    ]


def test_queues_are_named_and_bound_like_this():
    found = {
        queue.name: (queue.exchange.name, queue.routing_key, queue.queue_arguments)
        for queue in declared(False)
    }
    assert found == {
        "rpc-toy": ("nameko-rpc", "toy.*", None),
        "toy.dead-letters": ("toy.dead-letters", "", DEAD),
        "toy.retry.1s": ("toy.retry.1s", "", retry(1_000)),
        "toy.retry.5s": ("toy.retry.5s", "", retry(5_000)),
        "toy.retry.30s": ("toy.retry.30s", "", retry(30_000)),
        "toy.on_toy_thing_made": ("toy.events", "thing_made", EVENTS),
        "toy.on_other_thing_done": ("other.events", "thing_done", EVENTS),
        "toy.on_other_thing_counted": ("other.events", "thing_counted", EVENTS),
    }
    assert all(queue.durable and not queue.auto_delete for queue in declared(False))


def test_exchanges_are_named_like_this():
    assert {(exchange.name, exchange.type) for exchange in declared(True)} == {
        ("toy.events", "topic"),
        ("nameko-rpc", "topic"),
    }
    assert topology.dead_letter_exchange("toy").type == "fanout"
