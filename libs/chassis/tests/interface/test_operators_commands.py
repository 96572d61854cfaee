import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys

import pytest
from kombu import Connection
from toy_service.callers import thing_done

from chassis import dead_letters, drift, outbox_status
from chassis.confirmed import Outgoing
from chassis.testing import wait_until
from chassis.testing.servers import TestDatabase, amqp_url

QUEUE = "toy.on_other_thing_done"


@pytest.fixture
def bury(toy, publisher):
    """Puts an event into toy's dead letters as the consumer would; they are empty before and after."""
    empty()

    def put(organization_id, headers=None):
        buried = thing_done(organization_id)
        noted = {"x-tandem-queue": QUEUE, "x-tandem-error": "Oops", "x-tandem-attempts": 5}
        publisher.publish_all(
            [
                Outgoing(
                    exchange="toy.dead-letters",
                    routing_key=QUEUE,
                    body=buried.encode(),
                    message_id=str(buried.id),
                    content_type="application/cloudevents+json",
                    headers=noted if headers is None else headers,
                )
            ]
        )
        return buried

    yield put
    empty()


def empty():
    with Connection(amqp_url()) as connection, connection.channel() as channel:
        channel.queue_purge("toy.dead-letters")


def bodies(event_id):
    """The dead letters' bodies of an event; they stay."""
    with dead_letters.dead_letters(amqp_url(), "toy") as letters:
        return [letter.body for letter in letters.meant_by(event_id)]


def copy_of(event_id, body, headers):
    return Outgoing(
        exchange="toy.dead-letters",
        routing_key=QUEUE,
        body=body,
        message_id=event_id,
        content_type="application/cloudevents+json",
        headers=headers,
    )


def run(capsys, *arguments):
    capsys.readouterr()
    status = dead_letters.main(arguments)
    return status, capsys.readouterr()


def listed(capsys):
    _, said = run(capsys, "list", "toy")
    return [line.split()[0] for line in said.out.splitlines()]


def arrived(toy, organization_id):
    statement = "SELECT event_id::text FROM arrivals WHERE organization_id = %s"
    return [id_ for (id_,) in toy.sql(statement, (str(organization_id),))]


def test_looking_changes_nothing_however_often(bury, capsys, organization_id):
    buried = [str(bury(organization_id).id) for _ in range(3)]
    for _ in range(25):
        assert listed(capsys) == buried
    status, said = run(capsys, "show", "toy", buried[1])
    assert status == 0
    assert "x-tandem-error: Oops" in said.out
    assert str(organization_id) in said.out
    assert sorted(listed(capsys)) == sorted(buried)


def test_one_is_sent_again_and_handled(toy, bury, capsys, organization_id):
    kept, sent = (str(bury(organization_id).id) for _ in range(2))
    assert run(capsys, "retry", "toy", sent)[0] == 0
    wait_until(lambda: arrived(toy, organization_id) == [sent])
    assert listed(capsys) == [kept]


def test_all_are_sent_again(toy, bury, capsys, organization_id):
    buried = {str(bury(organization_id).id) for _ in range(5)}
    status, said = run(capsys, "retry", "toy", "all")
    assert (status, said.out) == (0, "sent again: 5, kept: 0\n")
    wait_until(lambda: set(arrived(toy, organization_id)) == buried)
    assert listed(capsys) == []


def test_its_queue_is_known_from_the_broker_where_we_did_not_note_it(
    toy, bury, capsys, organization_id
):
    died = [{"queue": QUEUE, "reason": "delivery_limit", "count": 1}]
    buried = str(bury(organization_id, {"x-death": died}).id)
    assert "delivery_limit" in run(capsys, "list", "toy")[1].out
    assert run(capsys, "retry", "toy", buried)[0] == 0
    wait_until(lambda: arrived(toy, organization_id) == [buried])


@pytest.mark.parametrize("headers", [{}, {"x-tandem-queue": "no.such.queue"}])
def test_what_cannot_be_sent_again_is_kept(bury, capsys, organization_id, headers):
    buried = str(bury(organization_id, headers).id)
    status, said = run(capsys, "retry", "toy", "all")
    assert status == 1
    assert buried in said.err
    assert listed(capsys) == [buried]


def test_those_of_one_queue_are_sent_again_and_the_others_stay(toy, bury, capsys, organization_id):
    other = {"x-tandem-queue": "toy.on_toy_thing_made", "x-tandem-error": "Oh"}
    kept = str(bury(organization_id, other).id)
    sent = {str(bury(organization_id).id) for _ in range(3)}
    status, said = run(capsys, "retry", "toy", QUEUE)
    assert (status, said.out) == (0, "sent again: 3, kept: 0\n")
    wait_until(lambda: set(arrived(toy, organization_id)) == sent)
    assert listed(capsys) == [kept]


def test_many_are_summed_up_by_queue_and_reason(bury, capsys, organization_id):
    for _ in range(4):
        bury(organization_id)
    bury(organization_id, {"x-tandem-reason": "unreadable", "x-tandem-time": "2026-01-02T03:04:05"})
    status, said = run(capsys, "summary", "toy")
    assert status == 0
    assert [line.split(maxsplit=1) for line in said.out.splitlines()] == [
        ["4", f"{QUEUE}  since -  Oops"],
        ["1", "-  since 2026-01-02T03:04:05  unreadable"],
        ["5", "in all"],
    ]


def test_copies_of_one_event_go_their_own_ways(toy, bury, capsys, organization_id, publisher):
    """One can be sent again, the other's queue is gone; both have the event's id."""
    event_id = str(bury(organization_id).id)
    body = next(iter(bodies(event_id)))
    headers = {"x-tandem-queue": "no.such.queue"}
    publisher.publish_all([copy_of(event_id, body, headers)])
    status, said = run(capsys, "retry", "toy", event_id)
    assert (status, said.out) == (1, "sent again: 1, kept: 1\n")
    assert "no.such.queue: unroutable" in said.err
    wait_until(lambda: arrived(toy, organization_id) == [event_id])
    assert listed(capsys) == [event_id]


def test_a_stop_in_the_middle_loses_nothing(toy, bury, capsys, organization_id, monkeypatch):
    buried = [str(bury(organization_id).id) for _ in range(6)]
    monkeypatch.setattr(dead_letters, "BATCH", 2)
    publish_all = dead_letters.ConfirmedPublisher.publish_all
    calls = []

    def break_down(self, batch):
        calls.append(batch)
        if len(calls) == 2:
            publish_all(self, batch)
            raise ConnectionError("in the middle, before anything was acknowledged")
        publish_all(self, batch)

    monkeypatch.setattr(dead_letters.ConfirmedPublisher, "publish_all", break_down)
    assert run(capsys, "retry", "toy", "all")[0] == 1
    wait_until(lambda: sorted(arrived(toy, organization_id)) == sorted(buried[:4]))
    wait_until(lambda: sorted(listed(capsys)) == sorted(buried[2:]))
    monkeypatch.undo()
    assert run(capsys, "retry", "toy", "all")[0] == 0
    wait_until(lambda: len(arrived(toy, organization_id)) >= 6)
    assert sorted(arrived(toy, organization_id)) == sorted(buried)


def test_who_reads_only_the_first_lines_is_not_bothered(bury, organization_id):
    for _ in range(30):
        bury(organization_id, {"x-tandem-error": "x" * 4000})
    words = f"{sys.executable} -m chassis dead-letters list toy | head -1"
    done = subprocess.run(  # nosec B603 B607 # our own words
        ["bash", "-o", "pipefail", "-c", words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


def test_one_is_discarded_by_name(toy, bury, capsys, organization_id):
    kept, gone = (str(bury(organization_id).id) for _ in range(2))
    assert run(capsys, "discard", "toy", gone)[0] == 0
    assert listed(capsys) == [kept]
    assert arrived(toy, organization_id) == []


@pytest.mark.parametrize("command", ["show", "retry", "discard"])
def test_an_id_that_is_not_there_is_said(bury, capsys, command):
    status, said = run(capsys, command, "toy", "nothing")
    assert status == 1
    assert "nothing" in said.err


@pytest.mark.parametrize(
    "arguments", [(), ("list",), ("show", "toy"), ("burn", "toy"), ("list", "toy", "x"), ("", "")]
)
def test_commands_that_make_no_sense_are_answered_with_the_usage(capsys, arguments):
    status, said = run(capsys, *arguments)
    assert status == 2
    assert "usage" in said.err


def test_a_service_without_dead_letters_is_said(capsys):
    status, said = run(capsys, "list", "nobody")
    assert status == 1
    assert "nobody" in said.err


def test_the_outbox_tells_what_waits_and_what_fails(
    still, database, capsys, monkeypatch, organization_id
):
    still.sql("DELETE FROM outbox")
    monkeypatch.setenv("DATABASE_URL", still.database.application)
    assert outbox_status.main(["status"]) == 0
    assert capsys.readouterr().out == "unsent: 0, oldest: 0 s, failing: 0, behind them: 0\n"
    with database.unit_of_work(organization_id) as uow:
        lost = uow.publish("thing_lost", subject="one", data={})
        uow.publish("thing_made", subject="two", data={})
        uow.commit()
    still.sql(
        "UPDATE outbox SET attempts = 3, last_error = 'unroutable', created_at = now() - interval '1 hour' "
        "WHERE event_id = %s",
        (str(lost.id),),
    )
    assert outbox_status.main(["status"]) == 1
    summary, failing = capsys.readouterr().out.splitlines()
    assert summary == "unsent: 2, oldest: 3600 s, failing: 1, behind them: 0"
    assert f"{lost.id}  thing_lost  one  3 attempts  unroutable" in failing
    still.sql("DELETE FROM outbox")


def test_the_outbox_of_a_database_that_does_not_answer_is_said(capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:x@127.0.0.1:1/none")
    assert outbox_status.main(["status"]) == 1
    assert "database" in capsys.readouterr().err
    assert outbox_status.main([]) == 2


def test_models_that_agree_with_their_migrations_do_not_differ():
    assert drift.differences("toy_service") == []


def test_models_that_do_not_agree_are_found_out_and_nothing_is_left_behind(still, monkeypatch):
    import sqlalchemy as sa
    from toy_service import storage

    changed = sa.MetaData()
    for table in storage.metadata.sorted_tables:
        copy = table.to_metadata(changed)
        if copy.name == "things":
            copy.append_column(sa.Column("colour", sa.Text))
    monkeypatch.setattr(storage, "metadata", changed)
    allotted = []
    allot = TestDatabase.allot
    monkeypatch.setattr(
        TestDatabase, "allot", lambda *words: allotted.append(allot(*words)) or allotted[-1]
    )
    found = drift.differences("toy_service")
    assert len(found) == 1
    assert "colour" in str(found)
    name = allotted[0].name
    assert still.sql("SELECT 1 FROM pg_database WHERE datname = %s", (name,)) == []
    roles = "SELECT 1 FROM pg_roles WHERE starts_with(rolname, %s)"
    assert still.sql(roles, (name,)) == []
