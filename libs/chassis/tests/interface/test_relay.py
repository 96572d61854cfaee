"""The outbox against a real broker. The relays run here, the subscriber is the toy service's process."""

import threading
import uuid
from collections import defaultdict

import pytest
from toy_service.events import CONTRACT

from chassis.confirmed import ConfirmedPublisher, Outcome
from chassis.database import SYSTEM
from chassis.relay import Relay, prune
from chassis.testing import wait_until
from chassis.testing.servers import amqp_url


@pytest.fixture(autouse=True)
def _subscriber(toy):
    """Consumes what the relays send."""


def store(database, organization_id, events):
    """Commits events (name, subject, number), each in a transaction of its own."""
    for name, subject, number in events:
        with database.unit_of_work(organization_id) as uow:
            uow.publish(name, subject=subject, data={"number": number})
            uow.commit()


def unsent(still, organization_id):
    statement = "SELECT name FROM outbox WHERE organization_id = %s AND sent_at IS NULL"
    return [name for (name,) in still.sql(statement, (str(organization_id),))]


def arrived(toy, organization_id):
    statement = "SELECT subject, number FROM arrivals WHERE organization_id = %s ORDER BY id"
    return toy.sql(statement, (str(organization_id),))


class Recording(ConfirmedPublisher):
    """Notes what it published, in order."""

    def __init__(self, seen):
        super().__init__(amqp_url())
        self._seen = seen

    def publish_all(self, batch):
        super().publish_all(batch)
        self._seen += [o.message_id for o in batch if o.outcome is Outcome.CONFIRMED]


def test_order_is_kept_per_subject_with_two_relays_and_writers_meanwhile(
    database, still, organization_id
):
    seen = []
    publishers = [Recording(seen) for _ in range(2)]
    relays = [Relay(database, CONTRACT, publisher) for publisher in publishers]
    database.after_commit = lambda: [relay.wake() for relay in relays]
    threads = [threading.Thread(target=relay.run, daemon=True) for relay in relays]
    for thread in threads:
        thread.start()
    writers = [
        threading.Thread(
            target=store,
            args=(database, organization_id, [("thing_made", f"s{w}", n) for n in range(40)]),
        )
        for w in range(5)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    wait_until(lambda: not unsent(still, organization_id), 20)
    for relay, thread, publisher in zip(relays, threads, publishers, strict=True):
        relay.stop()
        thread.join(10)
        publisher.close()
    rows = still.sql(
        "SELECT event_id::text, subject, id FROM outbox WHERE organization_id = %s",
        (str(organization_id),),
    )
    place = {event_id: (subject, number) for event_id, subject, number in rows}
    published = defaultdict(list)
    for event_id in seen:
        if event_id in place:
            subject, number = place[event_id]
            published[subject].append(number)
    assert len(rows) == 200
    assert sorted(published) == [f"s{w}" for w in range(5)]
    for numbers in published.values():
        assert numbers == sorted(numbers)
        assert len(numbers) == 40


def test_an_event_that_nobody_gets_stays_and_holds_up_only_its_subject(
    database, still, toy, organization_id, publisher
):
    poisoned, healthy = str(uuid.uuid4()), str(uuid.uuid4())
    events = [("thing_lost", poisoned, 1), ("thing_made", poisoned, 2), ("thing_made", healthy, 3)]
    store(database, organization_id, [*events, ("rumour_spread", healthy, 4)])
    relay = Relay(database, CONTRACT, publisher)
    for _ in range(3):
        relay.send_batch()
    assert "thing_lost" in unsent(still, organization_id)
    wait_until(lambda: (healthy, 3) in arrived(toy, organization_id))
    kept = still.sql(
        "SELECT attempts >= 1, last_error, due_at > created_at FROM outbox WHERE name = 'thing_lost' AND subject = %s",
        (poisoned,),
    )
    assert kept == [(True, "unroutable", True)]
    waiting = "SELECT count(*) FROM outbox WHERE subject = %s AND sent_at IS NULL"
    assert still.sql(waiting, (healthy,)) == [(0,)]
    still.sql("DELETE FROM outbox WHERE subject = %s", (poisoned,))


class Refusing(ConfirmedPublisher):
    """A broker that refuses the first message it is given, and takes all others."""

    refused = None

    def publish_all(self, batch):
        super().publish_all([o for o in batch if self.refused or o is not batch[0]])
        if not self.refused:
            self.refused = batch[0].message_id
            batch[0].outcome = Outcome.REFUSED


def test_a_refused_event_is_not_overtaken_by_the_next_of_its_subject(
    database, still, organization_id
):
    subject, seen = str(uuid.uuid4()), []
    store(database, organization_id, [("thing_made", subject, number) for number in (1, 2, 3)])
    statement = "SELECT event_id::text FROM outbox WHERE subject = %s ORDER BY id"
    in_order = [event_id for (event_id,) in still.sql(statement, (subject,))]
    refusing, recording = Refusing(amqp_url()), Recording(seen)
    Relay(database, CONTRACT, refusing).send_batch()
    refusing.close()
    assert unsent(still, organization_id) == ["thing_made"] * 3
    relay = Relay(database, CONTRACT, recording)
    wait_until(lambda: relay.send_batch() is not None and not unsent(still, organization_id), 20)
    recording.close()
    assert [event_id for event_id in seen if event_id in in_order] == in_order


class KilledAfterPublishing(ConfirmedPublisher):
    """What a relay that dies between publishing and marking looks like to the others."""

    def publish_all(self, batch):
        super().publish_all(batch)
        raise ConnectionError("killed")


def test_an_event_of_a_time_when_the_databases_clock_was_ahead_does_not_wait_for_that_time(
    database, still, organization_id, publisher
):
    subject = str(uuid.uuid4())
    store(database, organization_id, [("thing_made", subject, 1), ("thing_made", subject, 2)])
    still.sql(
        "UPDATE outbox SET due_at = now() + interval '1 hour' WHERE subject = %s AND body LIKE '%%\"number\":1%%'",
        (subject,),
    )
    Relay(database, CONTRACT, publisher).send_batch()
    wait_until(lambda: not unsent(still, organization_id))


def test_what_was_published_but_not_marked_goes_out_again_and_arrives_once(
    database, still, toy, organization_id, publisher
):
    subject = str(uuid.uuid4())
    store(database, organization_id, [("thing_made", subject, 1)])
    killed = KilledAfterPublishing(amqp_url())
    with pytest.raises(ConnectionError):
        Relay(database, CONTRACT, killed).send_batch()
    killed.close()
    assert unsent(still, organization_id) == ["thing_made"]
    Relay(database, CONTRACT, publisher).send_batch()
    assert unsent(still, organization_id) == []
    store(database, organization_id, [("thing_made", subject, 2)])
    Relay(database, CONTRACT, publisher).send_batch()
    wait_until(lambda: (subject, 2) in arrived(toy, organization_id))
    assert arrived(toy, organization_id) == [(subject, 1), (subject, 2)]


def test_while_the_broker_is_away_events_wait_and_then_go_out_by_themselves(
    database, still, toy, organization_id, gate
):
    gate.shut()
    publisher = ConfirmedPublisher(gate.url)
    relay = Relay(database, CONTRACT, publisher)
    database.after_commit = relay.wake
    thread = threading.Thread(target=relay.run, daemon=True)
    thread.start()
    store(database, organization_id, [("thing_made", "s", 1)])
    assert unsent(still, organization_id) == ["thing_made"]
    gate.reopen()
    wait_until(lambda: arrived(toy, organization_id) == [("s", 1)], 20)
    relay.stop()
    thread.join(10)
    publisher.close()


def test_an_event_is_seen_although_its_transaction_committed_late(
    database, still, organization_id, publisher
):
    relay = Relay(database, CONTRACT, publisher)
    insert = """
        INSERT INTO outbox (event_id, organization_id, name, subject, body)
        VALUES (gen_random_uuid(), %(organization)s, 'rumour_spread', 'slow', '{}')
    """
    with database.unit_of_work(organization_id) as slow:
        slow.connection.exec_driver_sql(insert, {"organization": str(organization_id)})
        store(database, organization_id, [("rumour_spread", "quick", 1)])
        relay.send_batch()
        slow.commit()
    relay.send_batch()
    assert unsent(still, organization_id) == []


def test_pruning_takes_what_is_old_and_sent_and_nothing_else(database, still, organization_id):
    store(database, organization_id, [("rumour_spread", "old", n) for n in range(3)])
    old = "UPDATE outbox SET created_at = now() - interval '40 days'"
    still.sql(f"{old} WHERE organization_id = %s", (str(organization_id),))
    sent = (
        f"{old}, sent_at = now() - interval '40 days' WHERE organization_id = %s AND body LIKE %s"
    )
    still.sql(sent, (str(organization_id), '%"number":1%'))
    with database.unit_of_work(SYSTEM) as uow:
        assert prune(uow, event_log_days=30, operation_days=3) == 1
        uow.commit()
    assert len(unsent(still, organization_id)) == 2
