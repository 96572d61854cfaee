"""`outbox replay`, `retry` and `skip` on a real broker; the subscriber is the toy service's process."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from kombu import Connection
from toy_service.events import CONTRACT

from chassis import outbox_cure, outbox_replay, topology
from chassis.confirmed import ConfirmedPublisher
from chassis.events import decode
from chassis.relay import Relay
from chassis.testing import wait_until
from chassis.testing.servers import amqp_url

QUEUE = "toy.on_toy_thing_made"


@pytest.fixture(autouse=True)
def _outbox(toy, still, monkeypatch):
    """Empty before and after; `toy` consumes what is sent from it."""
    still.sql("DELETE FROM outbox")
    monkeypatch.setenv("DATABASE_URL", still.database.application)
    yield
    still.sql("DELETE FROM outbox")
    topology.declare(CONTRACT, amqp_url())


def store(database, organization_id, count=3, *, name="thing_made", subject="one", first=0):
    """Commits events; their ids."""
    events = []
    for number in range(first, first + count):
        with database.unit_of_work(organization_id) as uow:
            events.append(uow.publish(name, subject=subject, data={"number": number}))
            uow.commit()
    return [str(event.id) for event in events]


def mark_sent(still):
    """What a relay does whose every message was confirmed and then lost by the broker."""
    still.sql("UPDATE outbox SET sent_at = now() WHERE sent_at IS NULL")


def numbers(toy, organization_id):
    statement = "SELECT number FROM arrivals WHERE organization_id = %s ORDER BY id"
    return [number for (number,) in toy.sql(statement, (str(organization_id),))]


def replay(capsys, *arguments):
    capsys.readouterr()
    status = outbox_replay.main(arguments)
    return status, capsys.readouterr()


def test_what_the_broker_lost_is_sent_again_and_what_arrived_is_not_applied_twice(
    database, still, toy, organization_id, capsys
):
    store(database, organization_id)
    publisher = ConfirmedPublisher(amqp_url())
    Relay(database, CONTRACT, publisher).send_batch()
    publisher.close()
    store(database, organization_id, first=3)
    mark_sent(still)
    wait_until(lambda: sorted(numbers(toy, organization_id)) == [0, 1, 2])
    status, said = replay(capsys, "--since", "1h")
    assert (status, said.err) == (0, "")
    assert said.out == "chosen: 6, sent: 6, without a queue: 0, refused: 0\n"
    wait_until(lambda: len(numbers(toy, organization_id)) >= 6)
    assert replay(capsys, "--since", "1h")[0] == 0  # as often as one likes
    store(database, organization_id, 1, first=6)
    mark_sent(still)
    assert replay(capsys, "--since", "1h")[0] == 0
    wait_until(lambda: 6 in numbers(toy, organization_id))
    assert sorted(numbers(toy, organization_id)) == list(range(7))


def test_a_dry_run_counts_and_sends_nothing(
    database, still, toy, organization_id, capsys, monkeypatch
):
    store(database, organization_id)
    mark_sent(still)
    monkeypatch.setattr(ConfirmedPublisher, "publish_all", None)
    assert replay(capsys, "--since", "1h", "--dry-run")[1].out == "chosen: 3\n"


def test_every_choice_narrows_it(database, still, organization_id, capsys):
    ids = store(database, organization_id)
    store(database, organization_id, 2, subject="two")
    store(database, uuid.uuid4(), 1, name="rumour_spread")
    mark_sent(still)
    store(database, organization_id, 1)  # not yet sent: that is the relay's
    still.sql(
        "UPDATE outbox SET created_at = now() - interval '2 days' WHERE event_id = %s", (ids[0],)
    )

    def chosen(*words):
        return replay(capsys, *words, "--dry-run")[1].out.removeprefix("chosen: ").strip()

    assert chosen("--since", "3d") == "6"
    assert chosen("--since", "1d") == "5"
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert chosen("--since", "3d", "--until", yesterday) == "1"
    assert chosen("--since", "3d", "--organization", str(organization_id)) == "5"
    assert chosen("--subject", "two") == "2"
    assert chosen("--event", "rumour_spread") == "1"
    assert chosen("--id", ids[1]) == "1"
    assert chosen("--after", ids[1]) == "4"
    assert chosen("--queue", QUEUE) == "5"


def test_one_queue_alone_gets_them(database, still, toy, organization_id, capsys):
    """As after somebody deleted it and declared it again; the others have what they had."""
    store(database, organization_id)
    store(database, organization_id, 1, name="rumour_spread")
    mark_sent(still)
    status, said = replay(capsys, "--queue", QUEUE)
    assert status == 0
    assert said.out == "chosen: 3, sent: 3, without a queue: 0, refused: 0\n"
    wait_until(lambda: sorted(numbers(toy, organization_id)) == [0, 1, 2])


def test_a_queue_that_is_not_there_is_said(database, still, organization_id, capsys, toy):
    store(database, organization_id, 1)
    mark_sent(still)
    status, said = replay(capsys, "--queue", "nobody.on_toy_thing_made")
    assert (status, said.out) == (1, "chosen: 1, sent: 0, without a queue: 1, refused: 0\n")
    status, said = replay(capsys, "--queue", "toy.on_other_thing_done")
    assert (status, said.err) == (1, "toy.on_other_thing_done is no queue for events of toy\n")


def test_they_come_in_the_order_in_which_they_were_stored(
    database, still, organization_id, capsys, monkeypatch
):
    monkeypatch.setattr(outbox_replay, "BATCH", 3)
    ids = store(database, organization_id, 10)
    mark_sent(still)
    with Connection(amqp_url()) as connection, connection.channel() as channel:
        queue = channel.queue_declare("", exclusive=True).queue
        channel.queue_bind(queue, "toy.events", "thing_made")
        assert replay(capsys, "--since", "1h")[0] == 0
        seen = [str(decode(channel.basic_get(queue).body).id) for _ in range(10)]
    assert seen == ids


def test_what_subscribers_may_have_forgotten_is_left_out(
    database, still, organization_id, capsys, monkeypatch
):
    monkeypatch.setenv("EVENT_LOG_DAYS", "10")
    old, fresh = store(database, organization_id, 2)
    mark_sent(still)
    age = "UPDATE outbox SET created_at = now() - interval '9 days 1 hour' WHERE event_id = %s"
    still.sql(age, (old,))
    status, said = replay(capsys, "--since", "30d")
    assert (status, said.out.split(",")[0]) == (1, "chosen: 1")
    assert "left out: 1" in said.err
    assert replay(capsys, "--id", old)[0] == 1
    assert replay(capsys, "--id", fresh)[0] == 0


def test_what_grew_too_old_on_its_way_is_set_aside_and_not_applied(
    database, still, toy, organization_id, capsys
):
    """Sent again in time, and then long in a queue: the inbox may no longer know it."""
    with Connection(amqp_url()) as connection, connection.channel() as channel:
        channel.queue_purge("toy.dead-letters")
    (event_id,) = store(database, organization_id, 1)
    long_ago = (datetime.now(UTC) - timedelta(days=29, hours=23, minutes=30)).isoformat()
    still.sql(
        "UPDATE outbox SET sent_at = now(), body = jsonb_set(body::jsonb, '{time}', to_jsonb(%s::text))::text",
        (long_ago,),
    )
    assert replay(capsys, "--id", event_id)[0] == 0
    wait_until(lambda: taken_dead_letters() == [event_id], 20)
    assert numbers(toy, organization_id) == []


def taken_dead_letters():
    with Connection(amqp_url()) as connection, connection.channel() as channel:
        message = channel.basic_get("toy.dead-letters", no_ack=True)
        return [message.properties["message_id"]] if message else []


def test_one_that_is_stopped_says_how_to_go_on(
    database, still, toy, organization_id, capsys, monkeypatch
):
    monkeypatch.setattr(outbox_replay, "BATCH", 2)
    ids = store(database, organization_id, 6)
    mark_sent(still)
    publish_all = ConfirmedPublisher.publish_all
    batches = []

    def interrupted(self, batch):
        batches.append(batch)
        if len(batches) == 3:
            raise KeyboardInterrupt
        publish_all(self, batch)

    monkeypatch.setattr(ConfirmedPublisher, "publish_all", interrupted)
    status, said = replay(capsys, "--since", "1h")
    monkeypatch.undo()
    assert status == 1
    assert said.err.endswith(f"to go on, say the same with --after {ids[3]}\n")
    monkeypatch.setenv("DATABASE_URL", still.database.application)
    assert replay(capsys, "--since", "1h", "--after", ids[3])[1].out.startswith(
        "chosen: 2, sent: 2"
    )
    wait_until(lambda: len(numbers(toy, organization_id)) == 6)


@pytest.mark.parametrize(
    "words", [(), ("--since", "soon"), ("--id", "1"), ("--organization", str(uuid.uuid4()))]
)
def test_what_makes_no_sense_or_chooses_everything_is_refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        outbox_replay.main(words)
    assert ended.value.code == 2


def test_what_waits_for_a_later_time_goes_now(database, still, organization_id, capsys):
    store(database, organization_id, 2)
    still.sql("UPDATE outbox SET attempts = 5, due_at = now() + interval '1 hour'")
    assert outbox_cure.main(["retry"]) == 0
    assert capsys.readouterr().out == "due now: 2\n"
    assert still.sql("SELECT count(*) FROM outbox WHERE due_at <= now()") == [(2,)]


def test_a_subject_goes_on_without_an_event_that_is_skipped(
    database, still, toy, organization_id, capsys, publisher
):
    (lost,) = store(database, organization_id, 1, name="thing_lost", subject="stuck")
    relay = Relay(database, CONTRACT, publisher)
    relay.send_batch()
    store(database, organization_id, 1, subject="stuck", first=7)
    relay.send_batch()
    assert numbers(toy, organization_id) == []
    assert outbox_cure.main(["skip", lost]) == 0
    relay.send_batch()
    wait_until(lambda: numbers(toy, organization_id) == [7])
    assert outbox_cure.main(["skip", lost]) == 1
    assert outbox_cure.main(["skip", "this"]) == 2
    assert replay(capsys, "--id", lost)[1].out.startswith("chosen: 1")
